// Builds what a browser loads into the Python package. Everything is served by the node itself: nothing here may name another host.
import { defineConfig } from "vite";

export default defineConfig({
  base: "/static/",
  publicDir: false,
  build: {
    outDir: process.env["KIZUNA_STATIC"] ?? "../src/kizuna/web/static",
    emptyOutDir: true,
    manifest: "manifest.json",
    assetsDir: "",
    assetsInlineLimit: 0, // the pages' policy forbids data: scripts and fonts
    chunkSizeWarningLimit: 1500,
    modulePreload: { polyfill: false },
    rollupOptions: { input: { page: "src/page.ts", map: "src/map.ts", watch: "src/watch.ts", passkeys: "src/passkeys.ts" } },
  },
  worker: { format: "es" },
});
