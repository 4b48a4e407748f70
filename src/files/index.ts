export { type FileContent, linkInPlace, writeFileAtomic } from './atomic.js';
export { readBytes, readBytesSync } from './bytes.js';
export { codeFingerprint } from './code-fingerprint.js';
export { crc32c } from './crc32c.js';
export { cannotRead, cannotWrite, fileFault, refuseDevice } from './faults.js';
export { checkFiles, fileList } from './file-list.js';
export { checksum, fileChecksum, hash, hashParams } from './fingerprint.js';
export { FLOAT8_MAX, float8Values, toFloat8 } from './float8.js';
export { bytesIn } from './folder-bytes.js';
export { ensureFolder, syncFolder } from './folders.js';
export { bfloatToFloat, floatToHalf, halfToFloat, toHalf } from './half.js';
export { checkedJson, readJson, readJsonAs, readJsonAsSync } from './json.js';
export { readLines } from './lines.js';
export { type Lock, lock, lockHolder } from './lock.js';
export { readNames } from './names.js';
export { type NpyMatrix, npyContent, readNpy } from './npy.js';
export { optionalPackage } from './optional-package.js';
export { packageVersion } from './package-version.js';
export { checkWritable, fillFolder, finishFolder } from './room-to-write.js';
export {
  encodeSafetensors,
  firstNotFinite,
  type RawTensor,
  type ReadOptions,
  readSafetensors,
  readSafetensorsHeader,
  type Safetensors,
  type WriteOptions,
  writeSafetensors,
} from './safetensors.js';
export type { TensorEntry } from './safetensors-header.js';
export { shippedPath } from './shipped.js';
export { isTemporary, leftoversOf, removeLeftovers, temporaryPath } from './temporary.js';
export { jsonOrNothing, parseJson, readText, readTextSync } from './text.js';
export { parseYaml } from './yaml.js';
