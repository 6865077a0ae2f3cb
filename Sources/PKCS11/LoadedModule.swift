#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif
import CP11Kit
import Synchronization

/// A module's shared object, initialised: by p11-kit, so that others in the process can use the same module, or by us
/// where the module cannot take the locks that p11-kit gives it.
final class LoadedModule: @unchecked Sendable {  // safe: constants; the module's functions lock for themselves
    let cryptoki: Cryptoki
    private let functions: UnsafeMutablePointer<CK_FUNCTION_LIST>
    private let isManaged: Bool
    private let restarting = Monitor()
    private let restartCount = Atomic(0)
    private let isFinalized = Atomic(false)

    private init(managed functions: UnsafeMutablePointer<CK_FUNCTION_LIST>) {
        self.functions = functions
        isManaged = true
        cryptoki = Cryptoki(functions)
    }

    private init(unmanaged functions: UnsafeMutablePointer<CK_FUNCTION_LIST>) {
        self.functions = functions
        isManaged = false
        cryptoki = Cryptoki(functions, serial: Monitor())
    }

    /// Runs once, before the first module.
    private static let prepared: Void = {
        signal(SIGPIPE, SIG_IGN)
        p11_kit_be_quiet()
    }()

    /// The path without symbolic links, of a file that exists and that not everybody may write to: its code is going to
    /// run in this process.
    static func checkedPath(_ path: String) throws(PKCS11Error) -> String {
        let shown = TokenText(Array(path.utf8)).description
        guard let resolved = realpath(path, nil) else {
            throw PKCS11Error(
                .moduleUnavailable, "the PKCS#11 module \(shown) cannot be opened: \(String(cString: strerror(errno)))",
                advice: "check the path, and that the module's package is installed")
        }
        defer { free(resolved) }
        var status = stat()
        guard stat(resolved, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw PKCS11Error(.moduleUnavailable, "the PKCS#11 module \(shown) is not a file")
        }
        guard status.st_mode & S_IWOTH == 0 else {
            throw PKCS11Error(
                .moduleUnavailable, "the PKCS#11 module \(shown) may be changed by every user",
                advice: "chmod o-w \(shown)")
        }
        guard status.st_uid == 0 || status.st_uid == geteuid() else {
            throw PKCS11Error(
                .moduleUnavailable, "the PKCS#11 module \(shown) belongs to another user, who may change it",
                advice: "have it owned by root, or by the user who runs this program")
        }
        guard status.st_mode & S_IWGRP == 0 || status.st_gid == 0 || status.st_gid == getegid() else {
            throw PKCS11Error(
                .moduleUnavailable, "the PKCS#11 module \(shown) may be changed by a group",
                advice: "chmod g-w \(shown)")
        }
        return String(cString: resolved)
    }

    static func load(path: String) throws(PKCS11Error) -> LoadedModule {
        _ = prepared
        guard let functions = p11_kit_module_load(path, 0) else {
            let reason = p11_kit_message().map { String(cString: $0) } ?? "no reason given"
            // It refuses its own proxy, which is a module all the same.
            if let module = try? loadUnmanaged(path: path) { return module }
            throw PKCS11Error(
                .moduleUnavailable,
                "\(TokenText(Array(path.utf8))) is not a PKCS#11 module: \(TokenText(Array(reason.utf8)))")
        }
        return try initialize(functions, path: path)
    }

    /// Initialises a module that p11-kit has loaded, or releases it.
    private static func initialize(
        _ functions: UnsafeMutablePointer<CK_FUNCTION_LIST>, path: String
    ) throws(PKCS11Error) -> LoadedModule {
        let code = ReturnCode(rawValue: p11_kit_module_initialize(functions))
        if code == .ok { return LoadedModule(managed: functions) }
        p11_kit_module_release(functions)
        guard code.rawValue == CKR_CANT_LOCK else { throw unavailable(path, code) }
        return try loadUnmanaged(path: path)
    }

    private static func loadUnmanaged(path: String) throws(PKCS11Error) -> LoadedModule {
        typealias GetFunctionList =
            @convention(c) (
                UnsafeMutablePointer<UnsafeMutablePointer<CK_FUNCTION_LIST>?>?
            ) -> CK_RV
        var functions: UnsafeMutablePointer<CK_FUNCTION_LIST>?
        guard let object = dlopen(path, RTLD_NOW | RTLD_LOCAL), let symbol = dlsym(object, "C_GetFunctionList"),
            unsafeBitCast(symbol, to: GetFunctionList.self)(&functions) == CKR_OK, let functions,
            let initialize = functions.pointee.C_Initialize
        else {
            throw PKCS11Error(.moduleUnavailable, "\(TokenText(Array(path.utf8))) is not a PKCS#11 module")
        }
        let code = ReturnCode(rawValue: initialize(nil))
        guard code == .ok || code.rawValue == CKR_CRYPTOKI_ALREADY_INITIALIZED else { throw unavailable(path, code) }
        return LoadedModule(unmanaged: functions)
    }

    private static func unavailable(_ path: String, _ code: ReturnCode) -> PKCS11Error {
        PKCS11Error(
            .moduleUnavailable, "C_Initialize: \(code), from the module \(TokenText(Array(path.utf8)))",
            function: "C_Initialize", returnCode: code)
    }

    /// How often the module was initialised again.
    var restarts: Int { restartCount.load(ordering: .acquiring) }

    /// Initialises the module again, unless that has been done since ``restarts`` was `seen`.
    ///
    /// - Parameter patience: For how many seconds calls that are in the module are waited for.
    func restart(seen: Int, patience: Int = 5) throws(PKCS11Error) {
        restarting.lock()
        defer { restarting.unlock() }
        guard restarts == seen else { return }
        guard !isFinalized.load(ordering: .acquiring) else {
            throw PKCS11Error(.moduleUnavailable, "the module was finalized", advice: "load the identity again")
        }
        guard cryptoki.gate.close(patience: patience) else {
            throw PKCS11Error(
                .timedOut, "the module cannot be initialised again: a call does not return",
                advice: "restart the program")
        }
        if isManaged { p11_kit_module_finalize(functions) }
        let code = ReturnCode(
            rawValue: isManaged
                ? p11_kit_module_initialize(functions)
                : functions.pointee.C_Initialize?(nil) ?? CKR_FUNCTION_NOT_SUPPORTED)
        guard code == .ok || code.rawValue == CKR_CRYPTOKI_ALREADY_INITIALIZED else {
            throw PKCS11Error(
                .removed, "the module does not work and cannot be initialised again: C_Initialize: \(code)",
                advice: "see that the service that it speaks to is running", function: "C_Initialize", returnCode: code)
        }
        cryptoki.gate.open()
        restartCount.add(1, ordering: .acquiringAndReleasing)
    }

    /// Ends the module's work, unless a call is in it: then it is left alone. No call is made any more.
    func finalize() {
        restarting.lock()
        defer { restarting.unlock() }
        guard cryptoki.gate.close(patience: 0) else { return }
        isFinalized.store(true, ordering: .releasing)
        if isManaged {
            p11_kit_module_finalize(functions)
            p11_kit_module_release(functions)
        } else {
            _ = functions.pointee.C_Finalize?(nil)
        }
    }
}

extension LoadedModule {
    /// A module of p11-kit's configuration, loaded and not yet initialised. Either ``initialize()`` or ``release()`` is
    /// to be called, once.
    struct Candidate {
        let name: String
        let path: String
        let isTrustStore: Bool
        fileprivate let functions: UnsafeMutablePointer<CK_FUNCTION_LIST>

        func initialize() throws(PKCS11Error) -> LoadedModule { try LoadedModule.initialize(functions, path: path) }
        func release() { p11_kit_module_release(functions) }
    }

    /// Whatever p11-kit is configured with.
    static func configured() -> [Candidate] {
        _ = prepared
        guard let modules = p11_kit_modules_load(nil, 0) else { return [] }
        defer { free(modules) }
        var candidates: [Candidate] = []
        var next = modules
        while let functions = next.pointee {
            let path = take(p11_kit_module_get_filename(functions)) ?? ""
            candidates.append(
                Candidate(
                    name: take(p11_kit_module_get_name(functions)) ?? path, path: canonical(path),
                    isTrustStore: p11_kit_module_get_flags(functions) & Int32(P11_KIT_MODULE_TRUSTED) != 0,
                    functions: functions))
            next += 1
        }
        return candidates
    }

    private static func take(_ text: UnsafeMutablePointer<CChar>?) -> String? {
        defer { free(text) }
        return text.map { String(cString: $0) }
    }

    private static func canonical(_ path: String) -> String { take(realpath(path, nil)) ?? path }
}
