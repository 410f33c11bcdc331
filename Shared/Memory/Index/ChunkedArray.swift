/// An array in pieces of 1,024 elements.
///
/// A copy shares the pieces; to change an element while there is a copy costs a copy of its piece, not of all.
struct ChunkedArray<Element: Sendable>: Sendable {
    private static var chunkBits: Int { 10 }
    private static var chunkSize: Int { 1 << chunkBits }

    private var chunks: [[Element]] = []
    /// How many elements there are.
    private(set) var count = 0

    /// Appends an element.
    mutating func append(_ element: Element) {
        if count & (Self.chunkSize - 1) == 0 {
            var chunk: [Element] = []
            chunk.reserveCapacity(Self.chunkSize)
            chunks.append(chunk)
        }
        chunks[chunks.count - 1].append(element)
        count += 1
    }

    /// An element.
    subscript(position: Int) -> Element {
        get { chunks[position >> Self.chunkBits][position & (Self.chunkSize - 1)] }
        _modify { yield &chunks[position >> Self.chunkBits][position & (Self.chunkSize - 1)] }
    }
}
