import type { RawImage } from '../../data/index.js';
import { UserError } from '../../errors.js';
import type { TowerModel } from '../../model/index.js';
import type { CompileOptions } from '../../runtime/index.js';
import { Analyser } from './analyse.js';
import { checkIndexModel, type ReportIndex } from './corpus/index-folder.js';
import { type Draft, draftOf } from './draft/draft.js';

/**
 * A model with an index, ready to draft reports of one study after another. Drafts are for research, and for review by a
 * clinician.
 *
 * @example
 * import { loadTowerModel } from 'promptkd/model';
 *
 * const model = await loadTowerModel('runs/phantom-student', 'medical-report');
 * const drafter = await Drafter.open(model, await loadReportIndex('runs/phantom-reports'));
 * const image = await readRadiograph('chest.dcm', 'chest.dcm');
 * console.log(draftText(await drafter.draft([image], ['chest.dcm'])));
 * await drafter.dispose();
 */
export class Drafter {
  private constructor(
    private readonly analyser: Analyser,
    private readonly index: ReportIndex,
  ) {}

  /**
   * Opens an index on the model that it was made with.
   *
   * @throws UserError where the index stands on another model
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
   * @param names of the views, as they stand in the draft
   * @throws UserError without any
   */
  async draft(images: readonly RawImage[], names: readonly string[]): Promise<Draft> {
    if (images.length === 0) throw new UserError('images: expected at least one image of the study, got none');
    const [seen] = await this.analyser.see([images]);
    return draftOf(seen!, this.index, names);
  }

  /** Frees the graphs. */
  dispose(): Promise<void> {
    return this.analyser.dispose();
  }
}
