// The payloads of the diagnostics channels, with the type of the socket.
import type * as reports from '../diagnostics.js'
import type { WireSocket } from './socket.js'

export type { RefuseReport, UpgradeReport } from '../diagnostics.js'

export interface SocketFacts extends reports.SocketFacts<WireSocket> {}
export interface OpenReport extends reports.OpenReport<WireSocket> {}
export interface MessageReport extends reports.MessageReport<WireSocket> {}
export interface PingReport extends reports.PingReport<WireSocket> {}
export interface DropReport extends reports.DropReport<WireSocket> {}
export interface ErrorReport extends reports.ErrorReport<WireSocket> {}
export interface CloseReport extends reports.CloseReport<WireSocket> {}
