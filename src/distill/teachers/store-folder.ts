import { basename, join } from 'node:path';
import { hash } from '../../files/index.js';
import { readManifest } from '../targets/target-manifest.js';
import type { Teacher } from '../teacher/teacher.js';

/**
 * Where one of several teachers has its target store: a folder of its own below the run's, named for its model and its
 * checksum, so that a teacher that is added later leaves the others' stores as they are. The folder itself where it holds this
 * teacher's store already, as a run with it alone leaves it.
 *
 * @param model folder or hub id, where it is known
 * @throws UserError for a store whose manifest is damaged
 */
export function storeFolder(dir: string, teacher: Pick<Teacher, 'fingerprint'>, model = 'teacher'): string {
  const fingerprint = teacher.fingerprint();
  if (readManifest(dir)?.fingerprint.teacher === fingerprint) return dir;
  const name = basename(model).replace(/[^\w.-]+/g, '-');
  return join(dir, `${name}-${hash(fingerprint).slice(0, 8)}`);
}
