// When an open page loses patience, and with what.

export const SUSPECT = 750;      // ms without a message (one comes every 500): look quietly
export const SILENCE = 1300;     // ms without a message: say so
export const HUNG = 5000;        // ms without a message: a new socket
export const WATCH_EVERY = 100;
export const LOOK_EVERY = 120;   // ms between two looks for an active OMM, in the first seconds
export const LOOK_FAST_FOR = 8000;
export const LOOK_SLOWLY = 1000;
export const LOOK_HIDDEN = 3000;
export const STATUS_TIMEOUT = 300;
export const STATUS_TIMEOUT_MOST = 2400;
export const POLL_AFTER_FAILURES = 3;
export const TICKET_EVERY = 20000;
export const TICKET_LIFE = 55000;
export const TICKET_RETRY = 2000;
export const SAVE_TAKES = 5000;  // ms that an answering OMM gets for the answer to a save
export const STILL_HERE = 6000;  // ms after which leaving counts as failed

export function backOff(failures, random) {
  const wait = Math.min(10000, 250 * 2 ** Math.min(failures, 6));
  return wait * (0.75 + random / 2);
}
