/** File name endings of an encoder's ONNX variants, by the names that Transformers.js gives them as `dtype`. */
export const suffixes = {
  fp32: '',
  fp16: '_fp16',
  q8: '_quantized',
  int8: '_int8',
  uint8: '_uint8',
  q4: '_q4',
  q4f16: '_q4f16',
  bnb4: '_bnb4',
} as const;
/** A variant of a model's ONNX files, by Transformers.js's names. */
export type Dtype = keyof typeof suffixes;
/** All variants of ONNX files that are read. */
export const dtypes = Object.keys(suffixes) as Dtype[];
