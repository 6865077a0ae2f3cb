import Glibc

/// What is installed here of what the tests need.
enum Installed {
    static let softHSM = module("libsofthsm2.so") != nil
    static let tpm = module("libtpm2_pkcs11.so") != nil && programs("swtpm", "tpm2-abrmd", "tpm2_ptool", "dbus-daemon")
    static let remoting = softHSM && module("p11-kit-client.so") != nil && programs("p11-kit")
    static let spy = softHSM && module("pkcs11-spy.so") != nil

    static let proxy =
        softHSM && module("p11-kit-proxy.so") != nil && access("/usr/share/p11-kit/modules/softhsm2.module", R_OK) == 0

    static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

    /// The path of a module.
    static func module(_ file: String) -> String? {
        let directories = ["/usr/lib/softhsm", "/usr/lib/pkcs11"] + machines.flatMap { ["\($0)/pkcs11", $0] }
        return directories.map { "\($0)/\(file)" }.first { access($0, R_OK) == 0 }
    }

    private static let machines = ["x86_64", "aarch64"].map { "/usr/lib/\($0)-linux-gnu" } + ["/usr/lib64"]

    private static func programs(_ names: String...) -> Bool {
        names.allSatisfy { name in
            ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"].contains {
                access("\($0)/\(name)", X_OK) == 0
            }
        }
    }
}
