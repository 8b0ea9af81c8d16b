// What a program of Node's takes that does nothing.
export {};
