/**
 * Shows the camera in `video` and hands on its images one at a time: the next is taken when the last was dealt with.
 *
 * @param signal stops it, also while it is being asked for
 * @throws where there is no camera or it may not be used
 */
export async function startCamera(
  video: HTMLVideoElement,
  onFrame: (image: ImageBitmap) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  if (!navigator.mediaDevices) throw new Error('The camera needs https:// or localhost.');
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: { ideal: 'environment' } } });
  } catch (error) {
    const { name, message } = error as DOMException;
    const reasons: Record<string, string> = {
      NotAllowedError: 'The camera may not be used: allow it in the browser’s settings of this page.',
      NotFoundError: 'No camera was found.',
      NotReadableError: 'The camera is in use by another program.',
    };
    throw new Error(reasons[name] ?? `The camera did not start: ${message}`);
  }
  const release = () => {
    for (const track of stream.getTracks()) track.stop();
  };
  if (signal.aborted) return release();
  signal.addEventListener('abort', () => {
    video.pause(); // the last image stays
    release();
  });
  video.srcObject = stream;
  await video.play();
  const frames = async () => {
    while (!signal.aborted) {
      await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
      if (!signal.aborted) await onFrame(await createImageBitmap(video));
    }
  };
  void frames();
}
