import picocolors from 'picocolors';

/** Colours for what is written to a stream: none where it is no terminal, the terminal has none or `NO_COLOR` is set. */
export function coloursOf(stream: NodeJS.WriteStream): ReturnType<typeof picocolors.createColors> {
  return picocolors.createColors(stream.isTTY === true && stream.hasColors());
}
