// Changes of the page that come in large numbers.

const PAUSE = 200; // milliseconds; each change lays out the page again, which costs more than the change itself

/** A function that runs `act` soon. Many calls within a pause run `act` once. */
export function paced(act) {
  let isComing = false;
  return () => {
    if (isComing) return;
    isComing = true;
    setTimeout(() => {
      isComing = false;
      act();
    }, PAUSE);
  };
}
