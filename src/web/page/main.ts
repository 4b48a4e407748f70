/** The page: an image, the classes, and the answers. */
import { scoringOf } from '../../clip/browser.js';
import { showAnswers } from './answer-list.js';
import { startCamera } from './camera.js';
import { type Choice, editClasses } from './class-editor.js';
import { answers, type Classifier, fixedClassifier, liveClassifiers } from './classifier.js';
import { element } from './dom.js';
import { type Device, type Engine, type ImageResult, openEngine } from './engine.js';
import { listenForImages } from './image-input.js';
import { startOffline } from './offline.js';
import { answerQuestions } from './question.js';
import { offerSamples } from './samples.js';
import { type Shown, showBackend, showImage, showLoading, showSeen, showTimes, stage } from './stage.js';

void start();

async function start(): Promise<void> {
  const offline = await startOffline();
  const choice = element<HTMLSelectElement>('device');
  const asked = new URLSearchParams(location.search).get('device') ?? 'auto';
  const known = [...choice.options].some(({ value }) => value === asked);
  const device = (known ? asked : 'auto') as Device;
  choice.value = device;
  choice.addEventListener('change', () => {
    location.search = new URLSearchParams({ device: choice.value }).toString();
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
  if (!known) complain(new Error(`There is no device “${asked}”: the fastest one is used.`));
  stage('empty');
}

function run(engine: Engine): void {
  const { model } = engine;
  const live = liveClassifiers(engine);
  const askAgain = answerQuestions(engine);
  let classifier: Classifier | undefined;
  let image: ImageResult | undefined;
  /** Of the camera that runs or has been asked for: the user's permission may take its time. */
  let camera: AbortController | undefined;
  /** Only the newest choice and image count: what was asked before may come back later. */
  let [newestChoice, newestImage] = [0, 0];

  const answer = () => {
    if (classifier && image) showAnswers(answers(classifier, image.embedding, model), scoringOf(model.logitBias));
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
  const see = async (input: Blob | ImageBitmap, shown: Shown) => {
    const mine = ++newestImage;
    try {
      const result = await engine.embedImage(input);
      if (mine !== newestImage) return;
      image = result;
      complain(undefined);
      await showImage(shown);
      showSeen(result);
      showTimes(result.ms);
      answer();
      askAgain();
    } catch (error) {
      if (mine === newestImage) complain(error);
    }
  };
  const endCamera = () => {
    camera?.abort();
    camera = undefined;
    element('camera').setAttribute('aria-pressed', 'false');
  };
  const seeFile = (file: File) => {
    endCamera();
    void see(file, { kind: 'file', file });
  };
  listenForImages(seeFile);
  offerSamples(model.samples, seeFile);
  element('camera').addEventListener('click', async () => {
    if (camera) {
      if (element('camera').getAttribute('aria-pressed') === 'true') endCamera();
      return;
    }
    const own = new AbortController();
    camera = own;
    try {
      const video = element<HTMLVideoElement>('video');
      await startCamera(video, (frame) => see(frame, { kind: 'camera' }), own.signal);
      if (!own.signal.aborted) element('camera').setAttribute('aria-pressed', 'true');
    } catch (error) {
      if (own.signal.aborted) return;
      endCamera();
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
