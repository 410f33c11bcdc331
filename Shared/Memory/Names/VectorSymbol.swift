import OpenSSL

/// The symbol that stands for a vector.
package enum VectorSymbol {
    /// What stands in front of the digits.
    package static let prefix = "VCTR|"

    /// `VCTR|` and 40 lower-case hexadecimal digits: the SHA-1 of the numbers as IEEE 754 doubles, eight bytes each,
    /// the least significant first, one after the other; −0 as +0.
    ///
    /// In Python: `"VCTR|" + hashlib.sha1(struct.pack("<%dd" % len(v), *(x + 0.0 for x in v))).hexdigest()`.
    package static func make(_ vector: [Double]) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(vector.count * 8)
        for number in vector {
            let bits = (number == 0 ? 0.0 : number).bitPattern
            for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: bits >> (8 * UInt64(shift)))) }
        }
        return prefix + Digest.hex(Digest.sha1(bytes))
    }

    /// Whether a symbol stands for a vector.
    package static func isVector(_ symbol: String) -> Bool {
        symbol.utf8.count == 45 && symbol.hasPrefix(prefix)
    }
}
