import { channel, type Channel } from 'node:diagnostics_channel'
import type { FastifyRequest } from 'fastify'
import type { Version } from './versions.js'

/*
 * What goes on, told on channels of node:diagnostics_channel, for packages that trace or measure:
 *
 *   upgrade ──▶ open ──▶ message:in, message:out, ping, drop, error ──▶ close
 *          └──▶ refuse
 *
 * Who publishes asks `hasSubscribers` first and makes the payload only then. Measured, that question costs 0.1 ns for
 * each message, so it is asked where messages pass, with no switch that would have to be kept for each socket.
 */

/** What every payload says of its socket. The type of the socket is that of a layer above: lib/socket/reports.ts names it. */
export interface SocketFacts<Socket = unknown> {
  /** That of the upgrade, `request.id`. */
  readonly requestId: string
  /** The URL of the route, as it was declared. */
  readonly route: string
  readonly version: Version
  readonly socket: Socket
}

/** On `fastify-wire:upgrade`: a handshake was read, and no hook of the route has run. There is no socket yet. */
export interface UpgradeReport extends Omit<SocketFacts, 'socket'> {
  readonly request: FastifyRequest
}

/** On `fastify-wire:refuse`: an upgrade was answered with another status than 101. */
export interface RefuseReport {
  /** Undefined where a hook refused it that ran before those of the plugin. */
  readonly requestId: string | undefined
  /** Undefined where no route stands there. */
  readonly route: string | undefined
  readonly url: string
  readonly statusCode: number
  /** The code of the error or, where there was none, the status. */
  readonly reason: string
}

/** On `fastify-wire:open`: the handshake was answered, and the handler of the route follows. */
export interface OpenReport<Socket = unknown> extends SocketFacts<Socket> {
  readonly request: FastifyRequest
}

/** On `fastify-wire:message:in` and `fastify-wire:message:out`: a message came, or was given to `send()`. */
export interface MessageReport<Socket = unknown> extends SocketFacts<Socket> {
  /** What goes over the wire, uncompressed. It must not be changed. */
  readonly data: string | Buffer
  readonly isBinary: boolean
}

/** On `fastify-wire:ping`: a ping or pong came, or was given to `ping()` or `pong()`. */
export interface PingReport<Socket = unknown> extends SocketFacts<Socket> {
  readonly kind: 'ping' | 'pong'
  readonly direction: 'in' | 'out'
  readonly data: Buffer
}

/** On `fastify-wire:drop`: a message is not sent, for the peer reads too slowly. */
export interface DropReport<Socket = unknown> extends MessageReport<Socket> {}

/** On `fastify-wire:error`: code of the application failed, or the peer or the connection did. */
export interface ErrorReport<Socket = unknown> extends SocketFacts<Socket> {
  readonly error: unknown
  readonly source: 'application' | 'peer'
}

/** On `fastify-wire:close`: the connection is gone. */
export interface CloseReport<Socket = unknown> extends SocketFacts<Socket> {
  readonly code: number
  readonly reason: string
  /** Since the open, in milliseconds. */
  readonly duration: number
}

/** On `fastify-wire:gap`: messages of a topic are gone, before this process saw them. */
export interface GapReport {
  readonly topic: string
  /** The next message has it as its `prev`. */
  readonly cursor: string
}

export type SocketReport = OpenReport | MessageReport | PingReport | DropReport | ErrorReport | CloseReport

/** What a payload says besides the facts of its socket. */
export type Details<Report extends SocketFacts> = Omit<Report, keyof SocketFacts>

/** A channel, typed by what is published on it. */
export interface ReportChannel<Report> extends Channel {
  publish (report: Report): void
}

export const upgradeChannel: ReportChannel<UpgradeReport> = channel('fastify-wire:upgrade')
export const refuseChannel: ReportChannel<RefuseReport> = channel('fastify-wire:refuse')
export const openChannel: ReportChannel<OpenReport> = channel('fastify-wire:open')
export const messageInChannel: ReportChannel<MessageReport> = channel('fastify-wire:message:in')
export const messageOutChannel: ReportChannel<MessageReport> = channel('fastify-wire:message:out')
export const pingChannel: ReportChannel<PingReport> = channel('fastify-wire:ping')
export const dropChannel: ReportChannel<DropReport> = channel('fastify-wire:drop')
export const errorChannel: ReportChannel<ErrorReport> = channel('fastify-wire:error')
export const closeChannel: ReportChannel<CloseReport> = channel('fastify-wire:close')
export const gapChannel: ReportChannel<GapReport> = channel('fastify-wire:gap')
