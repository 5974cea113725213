import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { oursAt, type Peer } from './peers.js'
import { ROOT } from './place.js'

/**
 * Builds another commit in a temporary work tree, which is removed when this process exits. Only the package is that of
 * the other commit: the benchmark servers and the load are those of this one.
 */
export function buildAgainst (ref: string): Peer {
  const git = (...line: string[]): string => execFileSync('git', line, { cwd: ROOT, encoding: 'utf8' }).trim()
  const commit = git('rev-parse', '--short', '--verify', '--end-of-options', `${ref}^{commit}`)
  const parent = mkdtempSync(join(tmpdir(), 'fastify-wire-'))
  const tree = join(parent, commit)
  git('worktree', 'add', '--detach', '--quiet', tree, commit)
  process.on('exit', () => {
    git('worktree', 'remove', '--force', tree)
    rmSync(parent, { recursive: true, force: true })
  })
  // Both commits are measured with the same dependencies.
  symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'), 'dir')
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: tree, stdio: ['ignore', 'inherit', 'inherit'] })
  return oursAt(ref, pathToFileURL(join(tree, 'dist/index.js')).href)
}
