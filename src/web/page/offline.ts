import { element } from './dom.js';

/** Service workers are quick to take over; where one does not, the page goes on without. */
const PATIENCE = 4000;
const RELOADED = 'promptkd-isolated';

/**
 * Starts the service worker and waits until it answers for the page, so that everything fetched from then on is kept.
 * On a server that sends no headers for cross-origin isolation, the page is loaded once more: the worker adds them, and
 * WASM gets its threads.
 *
 * @returns undefined where the page will work offline, otherwise why it will not
 */
export async function startOffline(): Promise<string | undefined> {
  if (!('serviceWorker' in navigator)) return 'needs https:// or localhost';
  const { serviceWorker } = navigator;
  try {
    const registration = await serviceWorker.register('./sw.js');
    offerUpdates(registration);
    if (!serviceWorker.controller && !(await controlled(serviceWorker))) return 'reload the page once';
  } catch (error) {
    return (error as Error).message;
  }
  if (!self.crossOriginIsolated && navigator.hardwareConcurrency > 1 && !sessionStorage.getItem(RELOADED)) {
    sessionStorage.setItem(RELOADED, 'yes');
    location.reload();
    await new Promise(() => {}); // the page is about to go
  }
  return undefined;
}

function controlled(serviceWorker: ServiceWorkerContainer): Promise<boolean> {
  return new Promise((resolve) => {
    serviceWorker.addEventListener('controllerchange', () => resolve(true), { once: true });
    setTimeout(() => resolve(serviceWorker.controller !== null), PATIENCE);
  });
}

/** A page that was written anew is taken into use when the user says so: never two versions at once. */
function offerUpdates(registration: ServiceWorkerRegistration): void {
  const offer = (worker: ServiceWorker) => {
    element('update').hidden = false;
    element('update-now').addEventListener('click', () => {
      navigator.serviceWorker.addEventListener('controllerchange', () => location.reload(), { once: true });
      worker.postMessage('activate');
    });
  };
  if (registration.waiting) offer(registration.waiting);
  registration.addEventListener('updatefound', () => {
    const worker = registration.installing;
    worker?.addEventListener('statechange', () => {
      if (worker.state === 'installed' && navigator.serviceWorker.controller) offer(worker);
    });
  });
}
