// Whether a follower's page is still signed in, after the server has closed its socket for that.

export const REFUSED = 4401;     // how such a socket closes
export const RENEWAL_TAKES = 2000; // ms: who has just changed the password gets a new sign-in

export function askLater(follower) {
  follower.world.later(RENEWAL_TAKES, () => ask(follower));
}

async function ask(follower) {
  if (follower.isOpen || follower.isLeaving || follower.isOver) return;
  if (follower.isSaving()) {
    askLater(follower); // its answer may bring the new one
  } else if (await follower.world.isSignedOut()) {
    follower.stop();
    follower.page.signedOut();
  }
}
