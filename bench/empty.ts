/** An empty program. Its cost is the cost of starting Node. */
export type Nothing = never;
