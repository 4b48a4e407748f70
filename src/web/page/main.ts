/** The page: a picture, the classes, and the answers. */
import { showAnswers } from './answer-list.js';
import { startCamera } from './camera.js';
import { type Choice, editClasses } from './class-editor.js';
import { answers, type Classifier, fixedClassifier, liveClassifiers } from './classifier.js';
import { element } from './dom.js';
import { type Device, type Engine, type ImageResult, openEngine } from './engine.js';
import { startOffline } from './offline.js';
import { listenForPictures } from './picture-input.js';
import { type Shown, showBackend, showLoading, showPicture, showSeen, showTimes, stage } from './stage.js';

void start();

async function start(): Promise<void> {
  const offline = await startOffline();
  const device = (new URLSearchParams(location.search).get('device') ?? 'auto') as Device;
  element<HTMLSelectElement>('device').value = device;
  element('device').addEventListener('change', (event) => {
    location.search = new URLSearchParams({ device: (event.target as HTMLSelectElement).value }).toString();
  });
  let engine: Engine;
  try {
    engine = await openEngine({ base: new URL('.', location.href).href, device, onProgress: showLoading });
  } catch (error) {
    stage('failed');
    return complain(error);
  }
  document.title = engine.model.title;
  element('title').textContent = engine.model.title;
  showBackend(engine);
  element('offline').textContent = offline === undefined ? 'Yes' : `No: ${offline}`;
  run(engine);
  stage('empty');
}

function run(engine: Engine): void {
  const { model } = engine;
  const live = liveClassifiers(engine);
  let classifier: Classifier | undefined;
  let image: ImageResult | undefined;
  let stopCamera: (() => void) | undefined;
  /** Only the newest choice and picture count: what was asked before may come back later. */
  let [newestChoice, newestPicture] = [0, 0];

  const answer = () => {
    if (classifier && image) showAnswers(answers(classifier, image.embedding, model.logitScale));
  };
  const choose = async (choice: Choice) => {
    const mine = ++newestChoice;
    try {
      const made =
        choice.kind === 'fixed'
          ? await fixedClassifier(model.classes!, model.width)
          : await live(choice.names, choice.templates, weightsFor(model, choice.templates));
      if (mine !== newestChoice) return;
      classifier = made;
      answer();
    } catch (error) {
      complain(error);
    }
  };
  const see = async (picture: Blob | ImageBitmap, shown: Shown) => {
    const mine = ++newestPicture;
    try {
      const result = await engine.embedImage(picture);
      if (mine !== newestPicture) return;
      image = result;
      complain(undefined);
      await showPicture(shown);
      showSeen(result);
      showTimes(result.ms);
      answer();
    } catch (error) {
      if (mine === newestPicture) complain(error);
    }
  };
  const endCamera = () => {
    stopCamera?.();
    stopCamera = undefined;
    element('camera').setAttribute('aria-pressed', 'false');
  };
  listenForPictures((file) => {
    endCamera();
    void see(file, { kind: 'file', file });
  });
  element('camera').addEventListener('click', async () => {
    if (stopCamera) {
      endCamera();
      return;
    }
    try {
      stopCamera = await startCamera(element<HTMLVideoElement>('video'), (frame) => see(frame, { kind: 'camera' }));
      element('camera').setAttribute('aria-pressed', 'true');
    } catch (error) {
      complain(error);
    }
  });
  editClasses(model, (choice) => void choose(choice));
}

/** Templates that the user has changed all weigh alike. */
function weightsFor(model: Engine['model'], templates: readonly string[]): readonly number[] | undefined {
  return templates.join('\n') === model.templates.join('\n') ? model.weights : undefined;
}

function complain(error: unknown): void {
  element('fault').textContent = error === undefined ? '' : (error as Error).message;
}
