import type { PreprocessConfig } from '../clip/index.js';

/** Pillow's names of its kernels, by number. */
const kernels = ['nearest', 'Lanczos', 'bilinear', 'bicubic', 'box', 'Hamming'];
const lanczos = 1;

/** What the model card says of how images become pixels, and where other libraries make others of them. */
export function imagesSection(preprocess: PreprocessConfig): string {
  const { resize, size, crop, resample } = preprocess;
  const steps = [
    'turned upright by their EXIF data, brought to sRGB by their colour profile, transparent pixels on white',
    ...(resize === undefined ? [] : [`resized to ${edges(resize)} (Pillow's ${kernels[resample]})`]),
    ...(crop ? [`cut to the central ${size}×${size}`] : []),
  ];
  return `## Images

Images are ${steps.join(', then ')}, and normalised as \`preprocessor_config.json\` says. Image processors of transformers and OpenCLIP drop the alpha channel instead and pass over colour profiles; of opaque sRGB images those that work by Pillow make the same pixels. ${elsewhere(preprocess).join(' ')}`;
}

function edges(resize: NonNullable<PreprocessConfig['resize']>): string {
  if (typeof resize === 'number') return `a shortest edge of ${resize} pixels`;
  return 'longest' in resize
    ? `a longest edge of ${resize.longest} pixels`
    : `${resize[1]}×${resize[0]}, whatever their shape`;
}

/** Where the exported preprocessor_config.json gives other pixels; the distances are measured on three photo-like images. */
function elsewhere({ resize, crop, torchvisionCrop, resample }: PreprocessConfig): string[] {
  const notes: string[] = [];
  if (typeof resize === 'object' && 'longest' in resize) {
    notes.push(
      'CLIPImageProcessor of transformers has no `longest_edge` and refuses the file; Transformers.js does not enlarge smaller images.',
    );
  }
  if (crop && torchvisionCrop) {
    notes.push('The crop is placed as in OpenCLIP; transformers and Transformers.js may place it one pixel aside.');
  }
  if (resize !== undefined) {
    notes.push(
      resample === lanczos
        ? 'Transformers.js has a Lanczos of its own: pixels are less than one of 255 levels aside on average.'
        : 'Transformers.js interpolates without averaging: of images that are shrunk, pixels are up to 3 of 255 levels aside on average, far more at sharp edges; shrink large images before you hand them over.',
    );
  }
  return notes;
}
