// Follows the pair, without touching a browser: what a page knows, how fresh that is, and when to
// go to the other OMM. Clock, timers, sockets, requests and chance come in as `world`; what people
// see goes out through `page`. So node's test runner can hold it to its word.
//
// world: now() ms, date() Date, later(ms, fn) -> id, cancel(id), random() 0..1, isHidden(),
//        connect({opened, heard(text), closed}) -> {ask(type), close()},
//        status(origin, timeout) -> Promise of a status document or null
//        isSignedOut() -> Promise of true when this OMM would ask for a sign-in
// page:  show(document, events), badge(state, since), leave({ticket, asked}) -> true when it leaves,
//        offer(address) the way there by hand, withdraw() that offer, wait() a save is held back,
//        signedOut() nothing comes any more
import { askLater, REFUSED } from "./sign_in.js";
import { Story } from "./story.js";
import {
  backOff, HUNG, LOOK_EVERY, LOOK_FAST_FOR, LOOK_HIDDEN, LOOK_SLOWLY, POLL_AFTER_FAILURES,
  SAVE_TAKES, SILENCE, STATUS_TIMEOUT, STATUS_TIMEOUT_MOST, STILL_HERE, SUSPECT, TICKET_EVERY,
  TICKET_LIFE, TICKET_RETRY, WATCH_EVERY,
} from "./timing.js";

export * from "./timing.js";

const isActive = (status) => status?.node?.role === "active";

export class Follower {
  constructor(config, world, page) {
    Object.assign(this, { config, world, page });
    this.story = new Story(config.document);
    this.socket = this.retry = null;
    this.lastMessage = world.now();
    this.failures = 0;
    this.lostAt = null;        // Date of the last news once that is told, else null
    this.worriedAt = null;     // clock since when this OMM is being looked after, else null
    this.own = undefined;      // its last answer: undefined not yet, null none
    this.peer = undefined;
    this.round = 0;            // names the looks that count; older ones end
    this.ticket = null;
    this.ticketAt = this.ticketAsked = -TICKET_LIFE;
    this.held = null;          // sends the save that waits
    this.sentAt = -SAVE_TAKES;
    this.isLeaving = this.isOver = false;
  }

  start() {
    if (this.config.live) {
      this.connect();
    } else {
      this.failures = POLL_AFTER_FAILURES;
      this.lostAt = this.world.date();
      this.worry();
    }
    this.watch();
  }

  // The page is really going: nothing more is to be done.
  stop() {
    this.isOver = true;
  }

  // --- the socket -----------------------------------------------------------------------------

  connect() {
    this.world.cancel(this.retry);
    this.lastMessage = this.world.now();
    const mine = this.world.connect({
      opened: () => { if (mine === this.socket) this.opened(); },
      heard: (data) => { if (mine === this.socket) this.heard(JSON.parse(data)); },
      closed: (code) => { if (mine === this.socket) this.dropped(code); },
    });
    this.socket = mine;
    this.isOpen = false;
  }

  opened() {
    this.isOpen = true;
    this.lastMessage = this.world.now();
    this.askTicket();
  }

  heard(message) {
    this.lastMessage = this.world.now();
    this.failures = 0;
    this.take(message);
    if (this.story.isTorn || this.isLeaving) return;
    this.lostAt = null;
    this.page.badge("live", null);
    if (this.config.follow === "role" && !isActive(this.story.document)) {
      this.own = this.story.document;
      this.worry();
    } else if (this.held === null) { // a save waits for an answer of this moment: this may be old
      this.calm();
    }
  }

  take(message) {
    if (message.type === "ticket") {
      this.ticket = message.ticket;
      this.ticketAt = this.world.now();
    } else if (this.story.take(message)) {
      this.show();
    } else if (this.story.isTorn) {
      this.ask("snapshot");
    }
  }

  ask(type) {
    if (this.socket && this.isOpen) this.socket.ask(type);
  }

  dropped(code) {
    this.socket = null;
    this.isOpen = false;
    this.story.tear();
    if (this.isOver) return;
    this.failures += 1;
    this.retry = this.world.later(backOff(this.failures, this.world.random()), () => {
      if (!this.socket && !this.isOver) this.connect();
    });
    this.lose();
    if (code === REFUSED) askLater(this);
  }

  // The server says something twice a second; a hung one keeps its sockets open.
  watch() {
    if (this.isOver) return;
    this.world.later(WATCH_EVERY, () => this.watch());
    if (!this.socket) return;
    const silence = this.world.now() - this.lastMessage;
    if (this.isOpen && silence > SUSPECT && !this.world.isHidden()) this.worry();
    if (this.isOpen && silence > SILENCE) this.lose();
    if (silence > HUNG) {
      const silent = this.socket;
      this.dropped();
      silent.close();
    } else if (this.isOpen && this.world.now() - this.ticketAt > TICKET_EVERY) {
      this.askTicket();
    }
  }

  askTicket() {
    if (this.world.now() - this.ticketAsked < TICKET_RETRY) return;
    this.ticketAsked = this.world.now();
    this.ask("ticket");
  }

  freshTicket() {
    return this.world.now() - this.ticketAt < TICKET_LIFE ? this.ticket : null;
  }

  // --- what people see ------------------------------------------------------------------------

  // Nobody looks at a hidden page: it is drawn when it is shown again.
  show() {
    if (!this.world.isHidden()) this.page.show(this.story.document, this.story.events);
  }

  shown() {
    this.page.show(this.story.document, this.story.events);
    if (this.worriedAt !== null) this.look();
    else this.ask("snapshot");
    if (!this.socket && this.config.live && !this.isOver) this.connect();
  }

  // --- when this OMM is silent, gone or no longer active ----------------------------------------

  lose() {
    if (this.lostAt === null) {
      const silence = this.world.now() - this.lastMessage;
      this.lostAt = new Date(this.world.date().getTime() - silence);
      this.page.badge("stale", this.lostAt);
    }
    this.worry();
  }

  worry() {
    if (this.worriedAt !== null || this.isOver) return;
    this.worriedAt = this.world.now();
    this.look();
  }

  calm() {
    this.worriedAt = null;
    this.round += 1;
    this.own = this.peer = undefined;
    this.page.withdraw();
  }

  // Ask both OMMs, each in its own rhythm: a hung one must not slow down the other's answer.
  look() {
    this.round += 1;
    this.lookAt("own", "", this.round);
    if (this.config.peer !== null) this.lookAt("peer", this.config.peer, this.round);
  }

  // Over a slow link an answer takes longer than a hung OMM is worth waiting for at first.
  async lookAt(which, origin, round) {
    let patience = STATUS_TIMEOUT;
    while (round === this.round && !this.isOver) {
      if (which === "own" || !this.isServing()) {
        const answer = await this.world.status(origin, patience);
        patience = answer ? STATUS_TIMEOUT : Math.min(patience * 2, STATUS_TIMEOUT_MOST);
        if (round !== this.round || this.isOver) return;
        this.decide(which, this.isOf(which, answer) ? answer : null);
      }
      await new Promise((resolve) => { this.world.later(this.pause(), resolve); });
    }
  }

  // Through a proxy before the pair either OMM may answer: what counts is whose answer it is.
  isOf(which, answer) {
    const mine = this.config.document.node.address;
    return (answer?.node?.address === mine) === (which === "own");
  }

  // True while this OMM's own answer shows nothing to go away for.
  isServing() {
    if (this.config.follow === "role") return isActive(this.own);
    return this.own !== undefined && this.own !== null;
  }

  decide(which, answer) {
    const wasServing = this.isServing();
    this[which] = answer;
    if (this.isLeaving || this.own === undefined) return;
    if (this.isServing()) {
      this.page.withdraw();
      this.release();
      if (which === "own" && this.failures >= POLL_AFTER_FAILURES) this.poll();
      return;
    }
    if (wasServing) this.worriedAt = this.world.now();
    if (this.held) this.page.wait();
    if (isActive(this.peer)) {
      if (!this.isSaving()) this.leave();
    } else if (this.own === null && this.lostAt !== null) this.page.badge("stale", this.lostAt);
  }

  poll() {
    this.lostAt = this.world.date();
    this.story.document = this.own;
    this.show();
    this.page.badge("polling", null);
  }

  pause() {
    const jitter = 0.75 + this.world.random() / 2;
    if (this.world.isHidden()) return LOOK_HIDDEN * jitter;
    if (this.failures >= POLL_AFTER_FAILURES && this.isServing()) return LOOK_SLOWLY * jitter;
    const since = this.world.now() - this.worriedAt;
    return since < LOOK_FAST_FOR ? LOOK_EVERY : LOOK_SLOWLY * jitter;
  }

  // --- leaving, and saves that wait -------------------------------------------------------------

  // To the same page of the other OMM, unless that would lose what was typed.
  leave({ asked = false } = {}) {
    if (!this.page.leave({ ticket: this.freshTicket(), asked })) {
      this.page.offer((this.peer ?? this.story.document.peer)?.node?.address ?? "");
      return;
    }
    this.isLeaving = true;
    this.page.badge("moving", null);
    this.world.later(STILL_HERE, () => { this.isLeaving = false; });
  }

  // A save that would go nowhere waits: `send` is called when this OMM is found to be all right;
  // when the page moves, its text moves along. False: let it go at once.
  hold(send) {
    const silence = this.world.now() - this.lastMessage;
    const isFresh = !this.story.isTorn && silence < SUSPECT && this.worriedAt === null;
    if (isFresh || (this.failures >= POLL_AFTER_FAILURES && this.isServing())) {
      this.sentAt = this.world.now();
      return false;
    }
    this.held = send;
    this.worry();
    return true;
  }

  // A save had no answer: it is sent again when this OMM is found to be all right after all.
  lost(send) {
    this.sentAt = -SAVE_TAKES;
    this.held = send;
    this.page.wait();
    this.worry();
  }

  release() {
    if (this.held === null || this.own.node.accepts_changes === false) return;
    const send = this.held;
    this.held = null;
    this.sentAt = this.world.now();
    send();
  }

  // A save is on its way to an OMM that still answers: its answer tells what became of it.
  isSaving() {
    return this.own !== null && this.world.now() - this.sentAt < SAVE_TAKES;
  }
}
