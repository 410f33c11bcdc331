/// The order of symbols: by Unicode code point, as Python sorts strings.
///
/// UTF-8 keeps that order byte by byte. Swift's `<` does not: it compares canonical forms.
package enum SymbolOrder {
    /// Whether one symbol stands before another.
    @inline(__always)
    package static func isBefore(_ left: String, _ right: String) -> Bool {
        left.utf8.lexicographicallyPrecedes(right.utf8)
    }

    /// The symbols in order, duplicates kept.
    package static func sorted(_ symbols: [String]) -> [String] {
        symbols.sorted(by: isBefore)
    }

    /// The symbols in order, each of them once.
    package static func sortedSet(_ symbols: [String]) -> [String] {
        var result: [String] = []
        for symbol in sorted(symbols) {
            if let last = result.last, last.utf8.elementsEqual(symbol.utf8) { continue }
            result.append(symbol)
        }
        return result
    }
}
