/**
 * The readers of annotation files, for data that is no set of images with classes or captions: `readElements` streams the lists
 * of a JSON object, `streamJson` any of its values, `rowsOf` the rows of a table.
 */
export async function fileReaders() {
  // Loaded when they are needed: a server that decodes images does not need them.
  const [{ element, readElements }, { streamJson }, { rowsOf }] = await Promise.all([
    import('./formats/json/json-elements.js'),
    import('./formats/json/json-stream.js'),
    import('./formats/tables/table-rows.js'),
  ]);
  return { element, readElements, streamJson, rowsOf };
}
