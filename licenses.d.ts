export interface InstalledPackage {
  readonly name: string
  readonly version: string
  readonly license: string | undefined
  readonly hasInstallScript: boolean
  readonly integrity: string | undefined
}
export function installedPackages (): InstalledPackage[]
export function licenseList (): string
