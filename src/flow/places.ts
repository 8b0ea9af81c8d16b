/** A number of places that nothing waits for. */
export interface Places {
  /** Takes a place. Returns false if there is none. */
  take(): boolean;
  leave(): void;
}

export function createPlaces(most: number): Places {
  let taken = 0;
  return {
    take() {
      if (taken >= most) return false;
      taken++;
      return true;
    },
    leave() {
      taken--;
    },
  };
}
