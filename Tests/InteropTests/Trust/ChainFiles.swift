import ChainCases
import CommandSupport
import DevPKI
import GnuTLS
import MTLSIdentity

/// A chain in files, for commands.
struct ChainFiles {
    let directory: TemporaryDirectory
    let input: ChainInput

    init(_ chain: ChainCase) throws {
        directory = try TemporaryDirectory()
        input = try chain.make()
        try directory.write(Self.pem("CERTIFICATE", [input.leaf.der]), to: "leaf.pem")
        try directory.write(Self.pem("CERTIFICATE", input.others.map(\.der)), to: "others.pem")
        try directory.write(Self.pem("CERTIFICATE", input.anchors.map(\.der)), to: "ca.pem")
        try directory.write(Self.pem("X509 CRL", input.lists), to: "lists.pem")
        if let staple = input.staple { try directory.write(staple, to: "staple.der") }
    }

    func path(_ name: String) -> String { "\(directory.path)/\(name)" }

    /// Seconds since 1970, where the chain is to be judged at another time.
    var time: Int64? { input.offset.map { secondsSince1970() + $0 } }

    private static func pem(_ label: String, _ list: [[UInt8]]) -> [UInt8] {
        list.flatMap { PEM.encode(label: label, der: $0) }
    }
}
