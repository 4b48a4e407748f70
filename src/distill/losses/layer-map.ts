import { UserError } from '../../errors.js';

/** A student layer and the teacher layer it imitates. Both count from 1: hidden state l is what comes out of layer l. */
export interface LayerPair {
  student: number;
  teacher: number;
}

/** How layers are mapped: evenly over the depth, the last ones only, none at all, or pair by pair. */
export type LayerMapping = 'even' | 'last' | 'none' | readonly (readonly [number, number])[];

/**
 * Which student layer imitates which teacher layer.
 *
 * `even`: l ↔ round(l · teacherLayers / studentLayers), so that the last layers always meet; `last`: only those;
 * `none`: no layers.
 *
 * @throws UserError for a pair outside the towers
 */
export function mapLayers(mapping: LayerMapping, studentLayers: number, teacherLayers: number): LayerPair[] {
  if (mapping === 'none') return [];
  if (mapping === 'last') return [{ student: studentLayers, teacher: teacherLayers }];
  if (mapping === 'even') {
    return Array.from({ length: studentLayers }, (_, i) => ({
      student: i + 1,
      teacher: Math.max(1, Math.round(((i + 1) * teacherLayers) / studentLayers)),
    }));
  }
  return mapping.map(([student, teacher]) => {
    check('student', student, studentLayers);
    check('teacher', teacher, teacherLayers);
    return { student, teacher };
  });
}

function check(who: string, layer: number, layers: number): void {
  if (!Number.isInteger(layer) || layer < 1 || layer > layers) {
    throw new UserError(`losses.layers: expected a ${who} layer from 1 to ${layers}, got ${layer}`);
  }
}
