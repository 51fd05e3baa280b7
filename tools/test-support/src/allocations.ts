/** Bytes of the largest buffer that was asked for meanwhile; `sizes` gets those of all. */
export function largestAllocation(run: () => void, sizes: number[] = []): number {
  const original = Buffer.allocUnsafe.bind(Buffer);
  Buffer.allocUnsafe = (size) => {
    sizes.push(size);
    return original(size);
  };
  try {
    run();
  } finally {
    Buffer.allocUnsafe = original;
  }
  return Math.max(0, ...sizes);
}
