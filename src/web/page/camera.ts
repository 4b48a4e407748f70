/**
 * Shows the camera in `video` and hands on its pictures one at a time: the next is taken when the last was dealt with.
 *
 * @returns stops it
 * @throws where there is no camera or it may not be used
 */
export async function startCamera(
  video: HTMLVideoElement,
  onFrame: (picture: ImageBitmap) => Promise<void>,
): Promise<() => void> {
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
  video.srcObject = stream;
  await video.play();
  let running = true;
  const frames = async () => {
    while (running) {
      await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
      if (running) await onFrame(await createImageBitmap(video));
    }
  };
  void frames();
  return () => {
    running = false;
    video.pause(); // the last picture stays
    for (const track of stream.getTracks()) track.stop();
  };
}
