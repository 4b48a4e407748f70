import { afterAll, beforeAll, vi } from 'vitest';

/** In the tests around it, ONNX Runtime rewrites graphs as it does for users: see vitest.config.ts. */
export function optimizedGraphs(): void {
  beforeAll(() => void vi.stubEnv('PROMPTKD_GRAPH_OPTIMIZATION', 'all'));
  afterAll(() => void vi.unstubAllEnvs());
}
