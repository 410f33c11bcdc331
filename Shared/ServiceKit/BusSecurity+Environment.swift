package import Configuration
package import EventBus

extension BusSecurity {
    /// Reads how to speak to the brokers; each setting is optional.
    ///
    /// They are `PARLEY_KAFKA_SECURITY_PROTOCOL`, `PARLEY_KAFKA_SASL_MECHANISM`, `PARLEY_KAFKA_SASL_USERNAME`,
    /// `PARLEY_KAFKA_SASL_PASSWORD`, `PARLEY_KAFKA_TLS_CA`, `PARLEY_KAFKA_TLS_CERTIFICATE`, `PARLEY_KAFKA_TLS_KEY` and
    /// `PARLEY_KAFKA_TLS_KEY_PASSWORD`.
    ///
    /// - Parameter environment: Where the settings stand.
    package init(environment: inout EnvironmentReader) {
        self.init()
        securityProtocol = environment.optionalString(
            "PARLEY_KAFKA_SECURITY_PROTOCOL",
            help: "plaintext, ssl, sasl_plaintext or sasl_ssl"
        )
        saslMechanism = environment.optionalString(
            "PARLEY_KAFKA_SASL_MECHANISM",
            help: "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
        )
        saslUsername = environment.optionalString("PARLEY_KAFKA_SASL_USERNAME", help: "user at the brokers")
        saslPassword =
            environment.optionalSecret("PARLEY_KAFKA_SASL_PASSWORD", help: "password at the brokers")?.revealed
        tlsAuthorityPath = environment.optionalString(
            "PARLEY_KAFKA_TLS_CA",
            help: "file with the certificates that the brokers' are signed by"
        )
        tlsCertificatePath = environment.optionalString(
            "PARLEY_KAFKA_TLS_CERTIFICATE",
            help: "PEM file with the certificate that is shown to the brokers"
        )
        tlsKeyPath = environment.optionalString("PARLEY_KAFKA_TLS_KEY", help: "PEM file with its private key")
        tlsKeyPassword =
            environment.optionalSecret("PARLEY_KAFKA_TLS_KEY_PASSWORD", help: "password of the private key")?.revealed
    }
}
