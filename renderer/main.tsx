// The page's beginning: fonts, looks, the line to the engine, the app.
import '@fontsource-variable/inter/index.css';
import '@fontsource-variable/jetbrains-mono/index.css';
import './style/tokens.css';
import './style/base.css';
import './style/frame.css';
import './style/controls.css';
import './ui/ui.css';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { startLab } from './lab.ts';
import { applyTheme, rememberedTheme } from './ui/theme.ts';

applyTheme(rememberedTheme());
startLab();
createRoot(document.getElementById('root')!).render(<App />);
