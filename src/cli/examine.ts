import { availableParallelism, freemem, totalmem } from 'node:os';
import { UserError } from '../errors.js';
import { versions } from '../files/recipe-file.js';
import { findMpi } from '../group/index.js';
import {
  canAskForHugePages,
  compile,
  type Device,
  DeviceFault,
  devices,
  hugePages,
  hugePageTunable,
} from '../runtime/index.js';
import { add, input } from '../tensor/index.js';

/** One line of `promptkd doctor`: `bad` must be mended, `missing` is optional and absent. */
export interface Finding {
  readonly name: string;
  readonly state: 'ok' | 'missing' | 'bad';
  readonly detail: string;
}

/** Looks at versions, cores, memory, image decoding, MPI, and at every device by running a tiny program on it. */
export async function examine(): Promise<Finding[]> {
  const found = versions();
  const enoughNode = Number(found.node?.split('.')[0]) >= 20;
  const gigabytes = (bytes: number) => (bytes / 2 ** 30).toFixed(1);
  return [
    {
      name: 'node',
      state: enoughNode ? 'ok' : 'bad',
      detail: `${found.node} on ${found.platform}${enoughNode ? '' : '; Node 20 or later is needed'}`,
    },
    { name: 'cores', state: 'ok', detail: String(availableParallelism()) },
    {
      name: 'memory',
      state: totalmem() > 3 * 2 ** 30 ? 'ok' : 'bad',
      detail: `${gigabytes(freemem())} of ${gigabytes(totalmem())} GiB free; the demo needs 3`,
    },
    ...largePages(),
    await images(),
    { name: 'onnxruntime', state: 'ok', detail: `${found['onnxruntime-node']}` },
    ...(await Promise.all(devices.map(tryDevice))),
    await messagePassing(),
  ];
}

/** Nothing where a process cannot have them. */
function largePages(): Finding[] {
  const name = 'huge pages';
  const state = hugePages();
  if (state === undefined) return [];
  if (state === 'always' || state === 'asked')
    return [{ name, state: 'ok', detail: 'used: training is up to a tenth faster' }];
  const how =
    state === 'never'
      ? 'Linux is set to never give them (/sys/kernel/mm/transparent_hugepage/enabled)'
      : `set GLIBC_TUNABLES=${hugePageTunable}${canAskForHugePages ? '' : ', which Node 22.15 and later let promptkd do itself'}`;
  return [{ name, state: 'missing', detail: `not used, which makes training up to a tenth slower; ${how}` }];
}

async function images(): Promise<Finding> {
  try {
    const { default: sharp } = await import('sharp');
    return { name: 'images', state: 'ok', detail: `sharp with libvips ${sharp.versions.vips}` };
  } catch (error) {
    return {
      name: 'images',
      state: 'bad',
      detail: `sharp does not load: ${String(error).split('\n')[0]}; run npm ci again`,
    };
  }
}

/** What training over several processes needs; MPI itself is not started. */
async function messagePassing(): Promise<Finding> {
  const name = 'mpi';
  try {
    const { version, file } = await findMpi();
    return { name, state: 'ok', detail: `${version} (${file}): mpirun -n 2 --bind-to none npx promptkd distill …` };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { name, state: 'missing', detail: `no training over several processes: ${error.message}` };
  }
}

async function tryDevice(device: Device): Promise<Finding> {
  try {
    const program = await compile({ outputs: { y: add(input('x', [2]), 1) } }, { device });
    const { y } = await program.run({ x: { shape: [2], data: new Float32Array([1, 2]) } });
    await program.dispose();
    const right = y?.data[0] === 2 && y.data[1] === 3;
    return { name: device, state: right ? 'ok' : 'bad', detail: right ? 'computes' : 'gives wrong results' };
  } catch (error) {
    const { detail } = error instanceof DeviceFault ? error : new DeviceFault(device, error);
    return { name: device, state: device === 'cpu' ? 'bad' : 'missing', detail };
  }
}
