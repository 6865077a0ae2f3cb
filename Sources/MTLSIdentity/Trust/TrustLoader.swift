import GnuTLS
import Glibc
import MTLSCore
import PKCS11
import SecretMemory

/// Reads trust anchors and revocation lists. Blocks, but for what is in tokens.
enum TrustLoader {
    /// Nil where anything is trusted.
    static func load(_ trust: Trust) async throws -> TrustList? {
        guard case .anchors(let anchors) = trust.kind else { return nil }
        var fromTokens: [Certificate] = []
        for case .token(let uri, let module) in anchors { fromTokens += try await token(uri, module) }
        return try await BlockingWork.run { [fromTokens] in try list(anchors, trust, fromTokens) }
    }

    private static func list(
        _ anchors: [Trust.Anchors], _ trust: Trust, _ fromTokens: [Certificate]
    ) throws(MTLSError) -> TrustList {
        var certificates = fromTokens
        var includesSystem = false
        for anchor in anchors {
            switch anchor {
            case .system: includesSystem = true
            case .files(let paths): for path in paths { certificates += try file(path) }
            case .directory(let path): certificates += try directory(path)
            case .bytes(let bytes):
                certificates += try parsing("the PEM bytes given", "no usable trust anchor") {
                    try Certificate.all(bytes)
                }
            case .certificates(let given): certificates += given
            case .token: break
            }
        }
        let lists = trust.revocation == .off ? [] : try revocationLists(trust.lists)
        let list: TrustList
        do {
            list = try TrustList(
                anchors: certificates, includingSystem: includesSystem, revocationLists: lists,
                revocationPolicy: trust.revocation == .required ? .required : .ifAvailable)
        } catch {
            throw MTLSError(
                .trustUnreadable, phase: .trust, fault: .us, "the trust anchors cannot be loaded: \(error)",
                underlying: error)
        }
        guard list.anchorCount > 0 else {
            throw MTLSError(
                .trustUnreadable, phase: .trust, fault: .caller, "there are no trust anchors",
                advice: "install the package ca-certificates, or name a file of trust anchors")
        }
        return list
    }

    private static func file(_ path: String) throws(MTLSError) -> [Certificate] {
        let contents = try read(path, "of trust anchors")
        return try parsing("\"\(path)\"", "no usable trust anchor") {
            try contents.withUnsafeBytes { try Certificate.all($0) }
        }
    }

    private static func directory(_ path: String) throws(MTLSError) -> [Certificate] {
        func failure(_ reason: String) -> MTLSError {
            MTLSError(
                .trustUnreadable, phase: .trust, fault: .caller,
                "the directory of trust anchors \"\(path)\" \(reason)")
        }
        guard let stream = opendir(path) else {
            throw failure("cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { closedir(stream) }
        var certificates: [Certificate] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            guard name != ".", name != "..",
                let contents = try? SmallFile.read("\(path)/\(name)", limit: 16 << 20),
                let found = try? contents.withUnsafeBytes({ try Certificate.all($0) })
            else { continue }
            certificates += found
        }
        guard !certificates.isEmpty else { throw failure("holds no trust anchor") }
        return certificates
    }

    private static func token(_ text: String, _ module: String?) async throws -> [Certificate] {
        do {
            let uri = try PKCS11URI(text)
            let token = try await TokenAccess.search(uri, module: module)
            let found = try await token.lane.run { () throws(PKCS11Error) in try token.findCertificates(uri) }
            guard !found.isEmpty else {
                throw PKCS11Error(
                    .objectNotFound, "the token has no certificate to be a trust anchor", token: token.label)
            }
            return try parsing("the token \"\(token.label)\"", "a certificate that cannot be read") {
                try found.map { try Certificate(der: $0.der) }
            }
        } catch let error as PKCS11Error {
            throw MTLSError.token(error, phase: .trust)
        }
    }

    private static func revocationLists(_ sources: [Trust.Lists]) throws(MTLSError) -> [RevocationList] {
        var lists: [RevocationList] = []
        for source in sources {
            switch source {
            case .bytes(let bytes):
                lists += try parsing("the bytes given", "no usable revocation list") { try RevocationList.all(bytes) }
            case .files(let paths):
                for path in paths {
                    let contents = try read(path, "of revocation lists")
                    lists += try parsing("\"\(path)\"", "no usable revocation list") {
                        try RevocationList.all(contents.withUnsafeBytes { Array($0) })
                    }
                }
            }
        }
        return lists
    }

    private static func read(_ path: String, _ what: String) throws(MTLSError) -> SecretBytes {
        do {
            return try SmallFile.read(path, limit: 64 << 20)
        } catch {
            throw MTLSError(
                .trustUnreadable, phase: .trust, fault: .caller, "the file \(what) \"\(path)\" cannot be read: \(error)"
            )
        }
    }

    private static func parsing<Result>(
        _ name: String, _ lack: String, _ parse: () throws -> Result
    ) throws(MTLSError) -> Result {
        do {
            return try parse()
        } catch {
            throw MTLSError(
                .trustUnreadable, phase: .trust, fault: .caller, "\(name) holds \(lack): \(error)", underlying: error)
        }
    }
}
