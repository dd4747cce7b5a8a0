// Frames of poker-signal's wire protocol, version 1: JSON.parse and JSON.stringify do the rest.
// Made from asyncapi.yaml; the guarantees of the rules are in protocol.md.

/** Name of a player or code of a game; compared exactly. */
export type Name = string;

/** Secret that the client creates and keeps; a connection with it takes the seat over. */
export type Session = string;

/** JSON Web Token; required if the server asks for tickets. */
export type Ticket = string;

/** Comma-separated kinds of frames to get unasked; unknown words are ignored. */
export type Wants = string;

/** Chosen by the client; returned in the ack, error or undelivered of the message. */
export type Id = string;

/** Types that need a targetId. */
export type Directive = "offer" | "answer" | "ice-candidate" | "player-connected";

/** Codes of an error frame. */
export type ErrorCode = "INVALID_MESSAGE" | "UNKNOWN_TYPE" | "HOST_NOT_FOUND" | "DUPLICATE_NAME" | "INVALID_JOIN" | "NOT_ALLOWED" | "NOT_CONNECTED" | "RATE_LIMITED" | "NO_ANSWER";

/** Codes of an undelivered frame. */
export type UndeliveredCode = "TARGET_NOT_FOUND" | "DUPLICATE_NAME" | "NOT_CONNECTED" | "RATE_LIMITED";

/** A player asks HOST for an offer. */
export interface Join {
  type: "join";
  /** Any JSON; relayed byte for byte. */
  payload?: unknown;
  id?: Id;
}

/** Offer, answer, candidate, or report that a player is connected. */
export interface Directed {
  type: Directive;
  targetId: Name;
  /** Any JSON; relayed byte for byte. */
  payload?: unknown;
  id?: Id;
}

/** The state of the connection to a player; not relayed. */
export interface Report {
  type: "report";
  targetId: Name;
  payload: {
    state: "connected" | "failed" | "disconnected" | "closed";
    /** Milliseconds that connecting took. */
    ms?: number;
    /** The selected pair of candidates. */
    pair?: unknown;
    /** The error, in words. */
    error?: string;
  };
  id?: Id;
}

/** Keep-alive; the server answers with a pong. */
export interface Ping {
  type: "ping";
}

/** Question for a welcome; not relayed. */
export interface Hello {
  type: "hello";
  payload?: {
    /** Name and version of the client, such as table/1.0. */
    client?: string;
  } | null;
  id?: Id;
}

/** Request for ICE servers with fresh credentials; not relayed. */
export interface AskIce {
  type: "ice-servers";
  id?: Id;
}

/** Message of another player. */
export interface Relayed {
  type: "join" | "offer" | "answer" | "ice-candidate" | "player-connected";
  senderId: Name;
  /** Payload as the sender wrote it; null if the message had none. */
  payload: unknown;
}

/** Mistake of the client, or the final answer to its join. */
export interface ErrorFrame {
  type: "error";
  payload: {
    code: ErrorCode;
    /** Sentence that an app can show to a player. */
    message: string;
  };
  id?: Id;
}

/** A valid message did not arrive. */
export interface Undelivered {
  type: "undelivered";
  payload: {
    code: UndeliveredCode;
    /** Sentence that an app can show to a player. */
    message: string;
    type: Directive;
    targetId: Name;
  };
  id?: Id;
}

/** The message with this id was handed to a live connection. */
export interface Ack {
  type: "ack";
  id: Id;
  payload: {
    targetId: Name;
  };
}

/** The answer to a ping. */
export interface Pong {
  type: "pong";
}

/** The server's answer to a hello. */
export interface Welcome {
  type: "welcome";
  payload: {
    playerId: Name;
    gameId: Name;
    /** End of the connection's two hours, in epoch seconds. */
    expiresAt: number;
    /** Names of what this server can do beyond relaying. */
    features: string[];
    /** Other players that are connected; left out if they are too many to list. */
    players?: Name[];
    iceServers?: IceServers;
    iceExpiresAt?: IceExpiresAt;
  };
  id?: Id;
}

/** ICE servers as RTCPeerConnection takes them. */
export type IceServers = {
  urls: string[];
  username?: string;
  credential?: string;
}[];

/** Time at which the credentials of the ICE servers expire, in epoch seconds. */
export type IceExpiresAt = number;

/** The server's answer to a request for ICE servers. */
export interface IceServersFrame {
  type: "ice-servers";
  payload: {
    iceServers: IceServers;
    iceExpiresAt?: IceExpiresAt;
  };
  id?: Id;
}

/** A player or the host came or left. */
export interface Presence {
  type: "player-joined" | "player-left" | "host-back" | "host-away";
  payload: {
    playerId: Name;
    reason: "joined" | "replaced" | "left" | "timeout" | "closed";
    /** Epoch milliseconds; of two frames about a player, the larger is true. */
    version: number;
  };
}

/** The connection ends soon. */
export interface GoAway {
  type: "go-away";
  payload: {
    /** Seconds until the connection ends. */
    seconds: number;
  };
}

/** Keeps the connection of a waiting host open. */
export interface Keepalive {
  type: "keepalive";
  senderId: "HOST";
  payload: null;
}

/** Message of API Gateway itself; it has no type. */
export interface Gateway {
  message: "Internal server error" | "Endpoint request timed out" | "Forbidden" | "Too Many Requests";
  connectionId: string;
  requestId: string;
}

/** A message that a client sends. */
export type ClientMessage = Join | Directed | Report | Hello | AskIce | Ping;

/** A frame that a client gets. */
export type ServerFrame = Relayed | ErrorFrame | Undelivered | Ack | Pong | Welcome | IceServersFrame | Presence | GoAway | Keepalive | Gateway;
