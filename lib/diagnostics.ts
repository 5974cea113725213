import { channel, type Channel } from 'node:diagnostics_channel'
import type { FastifyRequest } from 'fastify'
import type { Version } from './versions.js'

/*
 * Diagnostics channels (node:diagnostics_channel), for tracing and metrics packages:
 *
 *   upgrade ──▶ open ──▶ message:in, message:out, ping, drop, error ──▶ close
 *          └──▶ refuse
 *
 * Publishers check `hasSubscribers` before they create a payload. The check costs 0.1 ns, so it is made for each
 * message instead of keeping a flag per socket.
 */

/** The properties that all socket channels have in common. lib/socket/reports.ts names the type of the socket. */
export interface SocketFacts<Socket = unknown> {
  /** The `request.id` of the upgrade. */
  readonly requestId: string
  /** The URL of the route, as declared. */
  readonly route: string
  readonly version: Version
  readonly socket: Socket
}

/** Published on `fastify-wire:upgrade` when a handshake was read, before the hooks of the route run. */
export interface UpgradeReport extends Omit<SocketFacts, 'socket'> {
  readonly request: FastifyRequest
}

/** Published on `fastify-wire:refuse` when an upgrade was answered with a status other than 101. */
export interface RefuseReport {
  /** Undefined if a hook that runs before those of the plugin refused the upgrade. */
  readonly requestId: string | undefined
  /** Undefined if no route matched. */
  readonly route: string | undefined
  readonly url: string
  readonly statusCode: number
  /** The code of the error or, if it has none, the status. */
  readonly reason: string
}

/** Published on `fastify-wire:open` when the handshake was answered, before the handler of the route runs. */
export interface OpenReport<Socket = unknown> extends SocketFacts<Socket> {
  readonly request: FastifyRequest
}

/** Published for each message: on `fastify-wire:message:in` when received, on `fastify-wire:message:out` when sent. */
export interface MessageReport<Socket = unknown> extends SocketFacts<Socket> {
  /** The message on the wire, uncompressed. Do not change it. */
  readonly data: string | Buffer
  readonly isBinary: boolean
}

/** Published on `fastify-wire:ping` for each ping or pong received, or sent by the heartbeat or the application. */
export interface PingReport<Socket = unknown> extends SocketFacts<Socket> {
  readonly kind: 'ping' | 'pong'
  readonly direction: 'in' | 'out'
  readonly data: Buffer
}

/** Published on `fastify-wire:drop` when a message is dropped because the peer reads too slowly. */
export interface DropReport<Socket = unknown> extends MessageReport<Socket> {}

/** Published on `fastify-wire:error` when the application, the peer or the connection fails. */
export interface ErrorReport<Socket = unknown> extends SocketFacts<Socket> {
  readonly error: unknown
  readonly source: 'application' | 'peer'
}

/** Published on `fastify-wire:close` when the connection is closed. */
export interface CloseReport<Socket = unknown> extends SocketFacts<Socket> {
  readonly code: number
  readonly reason: string
  /** How long the socket was open, in milliseconds. */
  readonly duration: number
}

/** Published on `fastify-wire:gap` when messages of a topic were lost before this process received them. */
export interface GapReport {
  readonly topic: string
  /** The `prev` of the next message. */
  readonly cursor: string
}

export type SocketReport = OpenReport | MessageReport | PingReport | DropReport | ErrorReport | CloseReport

/** The properties of a payload other than those of SocketFacts. */
export type Details<Report extends SocketFacts> = Omit<Report, keyof SocketFacts>

/** A channel with a typed payload. */
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
