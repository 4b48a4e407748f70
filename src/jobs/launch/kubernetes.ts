import { stringify } from 'yaml';
import { type LaunchPlan, mountPath, shellLine } from './plan.js';

/**
 * A manifest for Kubernetes: an Indexed Job (batch/v1) with one pod a job, or an MPIJob (kubeflow.org/v2beta1) for one
 * training. All pods see one volume, which holds the data and what is made.
 */
export function kubernetesYaml(plan: LaunchPlan): string {
  return stringify(plan.array ? indexedJob(plan) : mpiJob(plan), { lineWidth: 0 });
}

function indexedJob(plan: LaunchPlan): object {
  const { name, args, array, threads } = plan;
  const { jobs, atOnce, retries } = array!;
  const call = shellLine(['promptkd', ...args]);
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name },
    spec: {
      completions: jobs,
      parallelism: atOnce,
      completionMode: 'Indexed',
      backoffLimitPerIndex: retries,
      maxFailedIndexes: jobs,
      template: {
        spec: {
          restartPolicy: 'Never',
          // A training that is told to end saves first.
          terminationGracePeriodSeconds: 120,
          containers: [
            {
              ...container(plan),
              // Indices begin at 0, jobs at 1.
              command: ['sh', '-c', `exec ${call} --job $((JOB_COMPLETION_INDEX + 1))`],
              resources: resources(plan, threads),
            },
          ],
          volumes: volumes(plan),
        },
      },
    },
  };
}

function mpiJob(plan: LaunchPlan): object {
  const { name, args, processes, nodes, threads } = plan;
  const slots = Math.ceil(processes / nodes);
  const own = args.includes('--threads') ? [] : ['--threads', String(threads)];
  const call = [
    'mpirun',
    '-n',
    String(processes),
    '--bind-to',
    'none',
    '--allow-run-as-root',
    'promptkd',
    ...args,
    ...own,
  ];
  const pod = (own: object) => ({
    template: { spec: { containers: [{ ...container(plan), ...own }], volumes: volumes(plan) } },
  });
  return {
    apiVersion: 'kubeflow.org/v2beta1',
    kind: 'MPIJob',
    metadata: { name },
    spec: {
      slotsPerWorker: slots,
      mpiImplementation: 'OpenMPI',
      runPolicy: { cleanPodPolicy: 'Running', backoffLimit: 3 },
      mpiReplicaSpecs: {
        Launcher: { replicas: 1, ...pod({ command: call }) },
        Worker: {
          replicas: nodes,
          ...pod({ command: ['/usr/sbin/sshd', '-De'], resources: resources(plan, threads * slots, slots) }),
        },
      },
    },
  };
}

const container = ({ image }: LaunchPlan) => ({
  name: 'promptkd',
  image,
  workingDir: mountPath,
  volumeMounts: [{ name: 'work', mountPath }],
});

const volumes = ({ claim }: LaunchPlan) => [{ name: 'work', persistentVolumeClaim: { claimName: claim } }];

function resources({ memory, gpus }: LaunchPlan, cpu: number, processes = 1): object {
  const gpu = gpus > 0 ? { 'nvidia.com/gpu': gpus * processes } : {};
  const amount = { cpu, memory: `${memory * processes}Gi` };
  return { requests: amount, limits: { ...amount, ...gpu } };
}
