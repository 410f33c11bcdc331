/// The limits that hold for every event, beside those of its schema.
package enum EventLimits {
    /// The largest event, in bytes: what a Kafka broker takes by default (1,048,588), less room for headers and key.
    ///
    /// A larger one could be stored and never be published.
    package static let bytesMax = 1_000_000
}
