import { UserError } from '../errors.js';
import { FreshParams } from './fresh-params.js';
import type { Params } from './params.js';

/** The shapes of a module's parameters, by what draws them, without drawing any. */
export class ParamShapes extends FreshParams {
  readonly shapes = new Map<string, readonly number[]>();

  constructor() {
    super(0, 'shapes');
  }

  override normal(name: string, shape: number[]): void {
    this.shapes.set(name, shape);
  }

  override filled(name: string, size: number): void {
    this.shapes.set(name, [size]);
  }

  /**
   * Whether read parameters are those of the module.
   *
   * @param where names the file, and what stands before the names in it
   * @throws UserError for one that is missing, or of another shape or type
   */
  check(params: Params, where: string): void {
    for (const [name, shape] of this.shapes) {
      const found = Object.hasOwn(params, name) ? params[name] : undefined;
      if (found?.data instanceof Float32Array && found.shape.join() === shape.join()) continue;
      const got = found ? `[${found.shape.join(', ')}]` : 'nothing';
      throw new UserError(`${where}${name}: expected numbers [${shape.join(', ')}], got ${got}: make it again`);
    }
  }
}
