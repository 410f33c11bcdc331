/// The binary form of a one-dimensional `text[]`, which server and client read and write without looking for quotes
/// (`array_recv` in PostgreSQL's `arrayfuncs.c`).
///
/// Number of dimensions, whether there are NULLs, the elements' type, then for the one dimension its size and lower
/// bound, then for each element its length, -1 for NULL, and its bytes. All numbers are 32 bits, most significant byte
/// first.
enum PostgresBinaryArray {
    /// The type `text` in `pg_type`.
    private static let textOID: Int32 = 25

    /// Appends the array.
    /// - Returns: False where an element contains a NUL byte, which Postgres cannot store.
    static func append(_ values: [String?], to bytes: inout [UInt8]) -> Bool {
        append(values.isEmpty ? 0 : 1, to: &bytes)
        append(values.contains { $0 == nil } ? 1 : 0, to: &bytes)
        append(textOID, to: &bytes)
        if values.isEmpty { return true }
        append(Int32(clamping: values.count), to: &bytes)
        append(1, to: &bytes)
        for value in values {
            guard let value else {
                append(-1, to: &bytes)
                continue
            }
            let lengthAt = bytes.count
            append(0, to: &bytes)
            let start = bytes.count
            bytes.append(contentsOf: value.utf8)
            guard !bytes[start...].contains(0) else { return false }
            let length = UInt32(truncatingIfNeeded: bytes.count - start)
            for place in 0..<4 {
                bytes[lengthAt + place] = UInt8(truncatingIfNeeded: length >> UInt32(24 - 8 * place))
            }
        }
        return true
    }

    private static func append(_ number: Int32, to bytes: inout [UInt8]) {
        let pattern = UInt32(bitPattern: number)
        bytes.append(UInt8(truncatingIfNeeded: pattern >> 24))
        bytes.append(UInt8(truncatingIfNeeded: pattern >> 16))
        bytes.append(UInt8(truncatingIfNeeded: pattern >> 8))
        bytes.append(UInt8(truncatingIfNeeded: pattern))
    }
}
