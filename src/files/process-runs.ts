/** Whether a process of this id runs on this machine; also one of another user's. */
export function processRuns(id: number): boolean {
  try {
    return process.kill(id, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
