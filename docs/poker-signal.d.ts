// Frames of poker-signal's wire protocol, version 1: JSON.parse and JSON.stringify do the rest.
// Made from asyncapi.yaml; the guarantees of the rules are in protocol.md.

/** Of a player or of a game; compared exactly. */
export type Name = string;

/** A secret that the client makes up and keeps; whoever has it takes its seat over. */
export type Session = string;

/** A JSON Web Token, where the server asks for one. */
export type Ticket = string;

/** Whoever sends one hears an ack, or finds it in the error or undelivered. */
export type Id = string;

/** Types that name their target. */
export type Directive = "offer" | "answer" | "ice-candidate" | "player-connected";

/** Codes of an error. */
export type ErrorCode = "INVALID_MESSAGE" | "UNKNOWN_TYPE" | "HOST_NOT_FOUND" | "DUPLICATE_NAME" | "INVALID_JOIN" | "NOT_ALLOWED" | "NOT_CONNECTED" | "RATE_LIMITED";

/** Codes of an undelivered. */
export type UndeliveredCode = "TARGET_NOT_FOUND" | "DUPLICATE_NAME" | "NOT_CONNECTED" | "RATE_LIMITED";

/** A player asks HOST for an offer. */
export interface Join {
  type: "join";
  /** Any JSON; it arrives as it was written. */
  payload?: unknown;
  id?: Id;
}

/** An offer, an answer, a candidate, or word of a player who is there. */
export interface Directed {
  type: Directive;
  targetId: Name;
  /** Any JSON; it arrives as it was written. */
  payload?: unknown;
  id?: Id;
}

/** A sign of life. */
export interface Ping {
  type: "ping";
}

/** What another player has sent. */
export interface Relayed {
  type: "join" | "offer" | "answer" | "ice-candidate" | "player-connected";
  senderId: Name;
  /** As the sender wrote it; null if there was none. */
  payload: unknown;
}

/** The client's own mistake, or the final answer to its join. */
export interface ErrorFrame {
  type: "error";
  payload: {
    code: ErrorCode;
    /** A sentence that a player can be shown. */
    message: string;
  };
  id?: Id;
}

/** A valid message did not arrive. */
export interface Undelivered {
  type: "undelivered";
  payload: {
    code: UndeliveredCode;
    /** A sentence that a player can be shown. */
    message: string;
    type: Directive;
    targetId: Name;
  };
  id?: Id;
}

/** A message with an id was taken for a live connection. */
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

/** API Gateway speaks for itself; it has no type. */
export interface Gateway {
  message: "Internal server error" | "Endpoint request timed out" | "Forbidden" | "Too Many Requests";
  connectionId: string;
  requestId: string;
}

/** A message that a client sends. */
export type ClientMessage = Join | Directed | Ping;

/** A frame that a client gets. */
export type ServerFrame = Relayed | ErrorFrame | Undelivered | Ack | Pong | Gateway;
