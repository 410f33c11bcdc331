#if canImport(Glibc)
import Glibc
#endif

/// The offsets of a time zone from UTC: fixed, or read from a file of the system's tzdata (TZif, RFC 8536).
struct TimeZoneRules: Sendable, Equatable {
    private var transitions: [Int64] = []
    private var offsets: [Int64] = []
    private var initialOffset: Int64 = 0
    private var footer: PosixZone?

    /// Nil when the name is neither an offset nor a zone that the folder has.
    init?(name: String, folder: String) {
        if let offset = Self.fixedOffset(name) {
            initialOffset = offset
            return
        }
        guard Self.isZoneName(name), let bytes = Self.read(folder + "/" + name) else { return nil }
        guard parse(bytes) else { return nil }
    }

    /// Reads the content of a TZif file; nil when it is malformed.
    init?(bytes: [UInt8]) {
        guard parse(bytes) else { return nil }
    }

    /// Seconds to add to UTC at a moment.
    func offset(at seconds: Int64) -> Int64 {
        guard let first = transitions.first, seconds >= first else {
            return transitions.isEmpty ? footer?.offset(at: seconds) ?? initialOffset : initialOffset
        }
        var low = 0
        var high = transitions.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if transitions[middle] <= seconds { low = middle } else { high = middle }
        }
        if low == transitions.count - 1, let footer { return footer.offset(at: seconds) }
        return offsets[low]
    }

    /// `UTC`, `Z`, `+02:00`, `-0530`, `+2`, with or without `UTC` or `GMT` in front.
    private static func fixedOffset(_ name: String) -> Int64? {
        var text = Substring(name)
        if text == "Z" || text == "z" { return 0 }
        for prefix in ["UTC", "GMT"] where text.hasPrefix(prefix) {
            text = text.dropFirst(3)
            if text.isEmpty { return 0 }
        }
        guard let sign = text.first, sign == "+" || sign == "-" else { return nil }
        let parts = text.dropFirst().split(separator: ":", omittingEmptySubsequences: false)
        let digits = parts.joined()
        guard parts.count <= 2, digits.utf8.allSatisfy({ $0 &- 48 < 10 }), let value = Int64(digits) else { return nil }
        let isWithMinutes = digits.utf8.count == 4 && (parts.count == 1 || parts[0].utf8.count == 2)
        guard isWithMinutes || (parts.count == 1 && digits.utf8.count <= 2) else { return nil }
        let hours = isWithMinutes ? value / 100 : value
        let minutes = isWithMinutes ? value % 100 : 0
        guard hours <= 18, minutes <= 59 else { return nil }
        return (sign == "-" ? -1 : 1) * (hours * 3_600 + minutes * 60)
    }

    /// Names are paths in the folder, so nothing may lead out of it.
    private static func isZoneName(_ name: String) -> Bool {
        guard (1...64).contains(name.utf8.count), name.utf8.first != UInt8(ascii: "/") else { return false }
        guard !name.split(separator: "/", omittingEmptySubsequences: false).contains(where: \.isEmpty) else {
            return false
        }
        return name.utf8.allSatisfy { byte in
            byte &- 48 < 10 || (byte | 0x20) &- 97 < 26 || "_+-/".utf8.contains(byte)
        }
    }

    private static func read(_ path: String) -> [UInt8]? {
        guard let file = fopen(path, "r") else { return nil }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = fread(&bytes, 1, bytes.count, file)
        guard count > 0, ferror(file) == 0 else { return nil }
        return Array(bytes[..<count])
    }

    // MARK: TZif

    private struct Header {
        let typeCount: Int
        let timeCount: Int
        let leapCount: Int
        let charCount: Int
        let utCount: Int
        let standardCount: Int
        let version: UInt8

        init?(_ bytes: ArraySlice<UInt8>) {
            guard bytes.count >= 44, bytes.starts(with: "TZif".utf8) else { return nil }
            let start = bytes.startIndex
            version = bytes[start + 4]
            func count(_ position: Int) -> Int {
                bytes[(start + 20 + 4 * position)...].prefix(4).reduce(0) { $0 << 8 | Int($1) }
            }
            utCount = count(0)
            standardCount = count(1)
            leapCount = count(2)
            timeCount = count(3)
            typeCount = count(4)
            charCount = count(5)
        }

        func bodyLength(timeSize: Int) -> Int {
            timeCount * (timeSize + 1) + typeCount * 6 + charCount + leapCount * (timeSize + 4) + standardCount
                + utCount
        }
    }

    private mutating func parse(_ bytes: [UInt8]) -> Bool {
        // The first block has 32-bit times; from version 2 a second one with 64 bits and a rule for the future follow.
        guard let old = Header(bytes[...]), old.version >= UInt8(ascii: "2") else { return false }
        let second = 44 + old.bodyLength(timeSize: 4)
        guard second < bytes.count, let header = Header(bytes[second...]) else { return false }
        let body = second + 44
        let end = body + header.bodyLength(timeSize: 8)
        guard end <= bytes.count, header.typeCount > 0 else { return false }
        func integer(_ position: Int, _ size: Int) -> Int64 {
            var value: Int64 = bytes[position] >= 0x80 ? -1 : 0
            for byte in bytes[position..<(position + size)] { value = value << 8 | Int64(byte) }
            return value
        }
        let types = body + header.timeCount * 9
        func offset(ofType type: Int) -> Int64? {
            type < header.typeCount ? integer(types + 6 * type, 4) : nil
        }
        initialOffset = offset(ofType: 0) ?? 0
        for position in 0..<header.timeCount {
            guard let offset = offset(ofType: Int(bytes[body + header.timeCount * 8 + position])) else { return false }
            transitions.append(integer(body + 8 * position, 8))
            offsets.append(offset)
        }
        let rule = bytes[end...].dropFirst().prefix { $0 != 0x0A }
        footer = PosixZone(String(decoding: rule, as: UTF8.self))
        return true
    }
}
