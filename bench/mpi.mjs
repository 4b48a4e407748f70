// Sums over processes by size: mpirun -n 2 --bind-to none node bench/mpi.mjs [repetitions]. It needs dist/.
import { openGroup } from '../dist/group/index.js';

const repetitions = Number(process.argv[2] ?? 20);
const group = await openGroup();
const rows = [];
for (const count of [1, 1e3, 1e4, 1e5, 1e6, 1e7]) {
  const data = new Float32Array(count).fill(1 / group.size);
  const times = [];
  let [waiting, summing] = [group.spent.waiting, group.spent.summing];
  for (let i = 0; i < repetitions; i++) {
    group.allReduce(data);
    times.push(group.spent.summing - summing);
    summing = group.spent.summing;
  }
  waiting = (group.spent.waiting - waiting) / repetitions;
  times.sort((a, b) => a - b);
  const [best, median] = [times[0], times[Math.floor(times.length / 2)]];
  rows.push({
    numbers: count,
    'best ms': best,
    'median ms': median,
    'GB/s at best': (4 * count) / best / 1e6,
    'wait ms': waiting,
  });
}
if (group.rank === 0) {
  console.log(`${group.size} processes, ${group.library ?? 'no MPI'}`);
  console.table(
    rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, x]) => [name, Number(x.toPrecision(3))]))),
  );
}
group.close();
