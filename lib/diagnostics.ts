import { channel, type Channel } from 'node:diagnostics_channel'
import type { FastifyRequest } from 'fastify'
import type { Version } from './versions.js'

/*
 * The channels of node:diagnostics_channel, for packages that trace or measure:
 *
 *   upgrade ──▶ open ──▶ message:in, message:out, ping, drop, error ──▶ close
 *          └──▶ refuse
 *
 * Publishers check `hasSubscribers` before they create a payload. The check was measured at 0.1 ns per message, so no
 * socket needs a flag of its own.
 */

/**
 * The fields of every payload about a socket. The type of the socket belongs to a higher layer: see
 * lib/socket/reports.ts.
 */
export interface SocketFacts<Socket = unknown> {
  /** The `request.id` of the upgrade. */
  readonly requestId: string
  /** The URL of the route, as declared. */
  readonly route: string
  readonly version: Version
  readonly socket: Socket
}

/**
 * Published on `fastify-wire:upgrade` when a handshake was read, before the hooks of the route. There is no socket yet.
 */
export interface UpgradeReport extends Omit<SocketFacts, 'socket'> {
  readonly request: FastifyRequest
}

/** Published on `fastify-wire:refuse` when an upgrade was refused. */
export interface RefuseReport {
  /** Undefined if a hook refused the upgrade before the plugin's hooks ran. */
  readonly requestId: string | undefined
  /** Undefined if no route matched. */
  readonly route: string | undefined
  readonly url: string
  readonly statusCode: number
  /** The error code, or the status if the error has no code. */
  readonly reason: string
}

/** Published on `fastify-wire:open` when the handshake was accepted, before the handler of the route. */
export interface OpenReport<Socket = unknown> extends SocketFacts<Socket> {
  readonly request: FastifyRequest
}

/**
 * Published on `fastify-wire:message:in` when a message was received, and on `fastify-wire:message:out` when one was
 * passed to `send()`.
 */
export interface MessageReport<Socket = unknown> extends SocketFacts<Socket> {
  /** The uncompressed payload. Subscribers must not change it. */
  readonly data: string | Buffer
  readonly isBinary: boolean
}

/** Published on `fastify-wire:ping` when a ping or pong was received, or passed to `ping()` or `pong()`. */
export interface PingReport<Socket = unknown> extends SocketFacts<Socket> {
  readonly kind: 'ping' | 'pong'
  readonly direction: 'in' | 'out'
  readonly data: Buffer
}

/** Published on `fastify-wire:drop` when a message is dropped because the peer reads too slowly. */
export interface DropReport<Socket = unknown> extends MessageReport<Socket> {}

/** Published on `fastify-wire:error` for errors of the application, the peer or the connection. */
export interface ErrorReport<Socket = unknown> extends SocketFacts<Socket> {
  readonly error: unknown
  readonly source: 'application' | 'peer'
}

/** Published on `fastify-wire:close` when the connection has closed. */
export interface CloseReport<Socket = unknown> extends SocketFacts<Socket> {
  readonly code: number
  readonly reason: string
  /** How long the socket was open, in milliseconds. */
  readonly duration: number
}

/** Published on `fastify-wire:gap` when this process has missed messages of a topic for good. */
export interface GapReport {
  readonly topic: string
  /** The `prev` of the next message. */
  readonly cursor: string
}

export type SocketReport = OpenReport | MessageReport | PingReport | DropReport | ErrorReport | CloseReport

/** The fields of a payload besides SocketFacts. */
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
