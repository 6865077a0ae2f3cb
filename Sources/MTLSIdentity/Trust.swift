public import GnuTLS
import MTLSCore

/// Whom a client trusts.
public struct Trust: Sendable {
    package enum Anchors: Sendable {
        case system
        case files([String])
        case bytes([UInt8])
        case certificates([Certificate])
    }

    package enum Kind: Sendable {
        case anchors([Anchors])
        case anything
    }

    package var kind: Kind

    /// The system's trust anchors. The default.
    public static var system: Trust { .init(kind: .anchors([.system])) }

    /// The certificates in PEM files, and no others.
    public static func pem(_ paths: String...) -> Trust { .init(kind: .anchors([.files(paths)])) }

    /// The certificates in PEM bytes, and no others.
    public static func pem(bytes: [UInt8]) -> Trust { .init(kind: .anchors([.bytes(bytes)])) }

    /// These certificates, and no others.
    public static func certificates(_ certificates: [Certificate]) -> Trust {
        .init(kind: .anchors([.certificates(certificates)]))
    }

    /// The system's trust anchors and those of `other`.
    public static func systemAnd(_ other: Trust) -> Trust {
        switch other.kind {
        case .anchors(let anchors): .init(kind: .anchors([.system] + anchors))
        case .anything: other
        }
    }

    /// Any server whatever: its certificate proves nothing, and the client's certificate and requests go to whoever
    /// answers. A development CA costs one command and is the better way.
    public static var dangerouslyTrustAnything: Trust { .init(kind: .anything) }
}
