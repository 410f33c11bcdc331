import OpenSSL

/// The symbol that stands for a vector.
package enum VectorSymbol {
    /// What stands in front of the digits.
    package static let prefix = "VCTR|"

    /// `VCTR|` and 40 lower-case hexadecimal digits: the SHA-1 of the vector as numpy writes it, which is the name that
    /// KATO gives it.
    ///
    /// In Python: `"VCTR|" + hashlib.sha1(str(numpy.array(v, dtype=float)).encode()).hexdigest()`; what differs for
    /// more than 1,000 numbers of which one at an end is 0 is with ``NumpyText``.
    package static func make(_ vector: [Double]) -> String {
        prefix + Digest.hex(Digest.sha1(Array(NumpyText.string(of: vector).utf8)))
    }

    /// Whether a symbol stands for a vector.
    package static func isVector(_ symbol: String) -> Bool {
        symbol.utf8.count == 45 && symbol.hasPrefix(prefix)
    }
}
