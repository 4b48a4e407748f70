import type { RawImage } from '../../data/index.js';
import { UserError } from '../../errors.js';
import type { TowerModel } from '../../model/index.js';
import type { CompileOptions } from '../../runtime/index.js';
import { Analyser } from './analyse.js';
import { checkIndexModel, type ReportIndex } from './corpus/index-folder.js';
import { type Draft, draftOf } from './draft/draft.js';

/** A model with an index, ready to draft reports of one study after another. */
export class Drafter {
  private constructor(
    private readonly analyser: Analyser,
    private readonly index: ReportIndex,
  ) {}

  /**
   * @throws UserError where the index stands on another model
   * @example
   * const index = await loadIndex('runs/phantom-reports');
   * const drafter = await Drafter.open(await loadTowerModel('runs/phantom-student', 'medical-report'), index);
   * console.log(draftText(await drafter.draft([await readRadiograph('chest.dcm', 'chest.dcm')], ['chest.dcm'])));
   */
  static async open(
    model: TowerModel,
    index: ReportIndex,
    options: Pick<CompileOptions, 'device' | 'threads'> = {},
  ): Promise<Drafter> {
    checkIndexModel(index, model);
    return new Drafter(await Analyser.open(model, index, 1, options), index);
  }

  /**
   * The draft of one study.
   *
   * @param images its views
   * @param names of them
   * @throws UserError without any
   */
  async draft(images: readonly RawImage[], names: readonly string[]): Promise<Draft> {
    if (images.length === 0) throw new UserError('images: expected at least one image of the study, got none');
    const [seen] = await this.analyser.see([images]);
    return draftOf(seen!, this.index, names);
  }

  dispose(): Promise<void> {
    return this.analyser.dispose();
  }
}
