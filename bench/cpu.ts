import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** Whether the CPU time of other processes can be read here. If not, the servers report their own. */
export const SEES_PROCESSES = existsSync('/proc/self/stat')

const HAS_NANOSECONDS = existsSync('/proc/self/schedstat')
// Linux reports utime and stime in hundredths of a second, independent of the tick of the kernel; in microseconds.
const TICK = 10_000

/** The user and system CPU time of all threads of a process, in microseconds. */
export function cpuTime (pid: number): number {
  if (!HAS_NANOSECONDS) {
    const [, after] = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ') as [string, string]
    const fields = after.split(' ')
    return TICK * (Number(fields[11]) + Number(fields[12]))
  }
  let nanoseconds = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')[0])
  }
  return nanoseconds / 1000
}

/** The resident memory of a process, in bytes. */
export function residentBytes (pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]
  return 1024 * Number(kilobytes)
}

/** The cores for the server and the load; undefined with fewer than two cores, or without a way to pin a process. */
export function chooseCores (): { server: number, load: number } | undefined {
  try {
    const allowed = /^Cpus_allowed_list:\s+(.*)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? ''
    const cores = allowed.split(',').flatMap((range) => {
      const [first, last] = range.split('-').map(Number) as [number, number?]
      return Array.from({ length: (last ?? first) - first + 1 }, (_, i) => first + i)
    })
    execFileSync('taskset', ['-V'], { stdio: 'ignore' })
    return cores.length < 2 ? undefined : { server: cores[0] as number, load: cores[1] as number }
  } catch {
    return undefined
  }
}

/** The limit of open files, including sockets, of a process. */
export function openFilesLimit (): number {
  try {
    // Node.js raises its soft limit to the hard limit when it starts.
    const limit = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'latin1' }).trim()
    return limit === 'unlimited' ? Infinity : Number(limit)
  } catch {
    return Infinity
  }
}
