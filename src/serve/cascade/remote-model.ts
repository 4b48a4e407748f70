import { UserError } from '../../errors.js';
import type { SavedStage } from './cascade-file.js';
import { RemoteModel } from './http-stage.js';

/**
 * The server of a cascade file's stage, with its key from the environment.
 *
 * @param s the stage's place in the file, for errors
 * @throws UserError where there is no such key, or it cannot be sent
 */
export function remoteModel(file: string, s: number, stage: Extract<SavedStage, { url: string }>): RemoteModel {
  const { url, model, key_env: variable } = stage;
  const key = variable === undefined ? undefined : process.env[variable];
  if (variable !== undefined && !key) {
    throw new UserError(
      `${file}: stages.${s}.key_env: expected the environment variable ${variable}, which is not set`,
    );
  }
  if (key !== undefined && !/^[\x21-\x7e]+$/.test(key)) {
    // What cannot stand in a header would be quoted in each request's error, and so in the log.
    throw new UserError(
      `${file}: stages.${s}.key_env: expected letters, digits and signs without spaces in the environment variable ${variable}`,
    );
  }
  return new RemoteModel({
    ...{ url, model, key },
    timeoutMs: stage.timeout_ms,
    retries: stage.retries,
    backoffMs: stage.backoff_ms,
    breakAfter: stage.break_after,
    breakMs: stage.break_ms,
  });
}
