import { UserError } from '../../errors.js';

/** One image that cannot be read or decoded: others can, and who reads many may go on without it. */
export class ImageError extends UserError {
  /**
   * @param id of the image
   * @param reason why, without its name
   */
  constructor(
    readonly id: string,
    readonly reason: string,
  ) {
    super(`${id}: ${reason}`);
  }
}
