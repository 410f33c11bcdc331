package import JSON

/// The limits that hold for every event, beside those of its schema.
package enum EventLimits {
    /// The largest event, in bytes: what a Kafka broker takes by default (1,048,588), less room for headers and key.
    ///
    /// A larger one could be stored and never be published.
    package static let bytesMax = 1_000_000

    /// The longest text of a message or of a delta, in Unicode scalars: what their schemas allow.
    package static let textScalarsMax = 262_144

    /// How deep requests and results of tools may nest: one level less than what is read from the network
    /// (`JSONLimits/depthMax`), because clients are told of them in an event around what they hold.
    package static let toolEvents = JSONLimits(depthMax: JSONLimits.standard.depthMax - 1)
}

extension String {
    /// The text as an event and Postgres can hold it: without NUL characters, which Postgres cannot store, and not
    /// longer than `scalarsMax` Unicode scalars, which is how schemas count.
    package func storable(scalarsMax: Int) -> String {
        let isShort = utf8.count <= scalarsMax || unicodeScalars.count <= scalarsMax
        let text = isShort ? self : String(unicodeScalars.prefix(scalarsMax))
        return text.utf8.contains(0) ? text.replacing("\0", with: "\u{FFFD}") : text
    }
}
