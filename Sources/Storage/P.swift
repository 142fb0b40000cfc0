import GRDB
import CZlib
enum P { static let x = PackageResources.V0001_registry_sql.count
 static let v = unsafe zlibVersion() }
