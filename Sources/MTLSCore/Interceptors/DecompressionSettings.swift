package import HTTPTypes

/// Whether responses are asked for in compressed form, and decompressed.
public struct DecompressionSettings: Sendable, Hashable {
    /// How many bytes a body may have when it is decompressed; nil for no limit.
    public var maximumSize: Int?
    /// How many times its compressed size a body may have, beyond its first 10 MiB: a bomb is more. 250; nil for no limit.
    public var maximumRatio: Int? = 250

    /// Decompression with limits.
    public init(maximumSize: Int? = nil) {
        self.maximumSize = maximumSize
    }
}

/// Watches the growth of a body that is decompressed.
package struct DecompressionLimits: Sendable {
    private let settings: DecompressionSettings
    private var received = 0
    private var produced = 0

    /// What a bomb may do without being called one.
    private static let harmless = 10 << 20

    package init(_ settings: DecompressionSettings) { self.settings = settings }

    package mutating func receive(_ count: Int) { received += count }

    /// - Throws: ``MTLSError/Code/responseTooLarge``.
    package mutating func produce(_ count: Int) throws(MTLSError) {
        produced += count
        if let limit = settings.maximumSize, produced > limit {
            throw Self.tooLarge("more than \(limit) bytes", "raise DecompressionSettings.maximumSize")
        }
        guard let ratio = settings.maximumRatio, produced > Self.harmless else { return }
        let (limit, isHuge) = received.multipliedReportingOverflow(by: ratio)
        if !isHuge, produced > limit {
            throw Self.tooLarge(
                "more than \(ratio) times its compressed size",
                "raise DecompressionSettings.maximumRatio if the server can be trusted")
        }
    }

    private static func tooLarge(_ what: String, _ advice: String) -> MTLSError {
        MTLSError(
            .responseTooLarge, phase: .response, fault: .peer, "the decompressed body has \(what)", advice: advice)
    }
}

extension HTTPFields {
    /// The names in Content-Encoding, in the order in which they were applied, without those that change nothing.
    package var contentCodings: [String] {
        list(.contentEncoding).map { $0.lowercased() }.filter { $0 != "identity" }
    }
}
